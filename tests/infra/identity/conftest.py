"""A migrated database of its own for every test, an identity on it, and a clock that moves when the test says so."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from tortoise.connection import get_connection

from infra.config.database import DatabaseUrl
from infra.config.objects import Secrets
from infra.identity import Identity
from infra.store import ids
from infra.store.database import Store
from infra.store.models import User

SECRETS = Secrets(secret_key="a secret key for tests", master_api_key="master key for tests")
ADDRESS = "192.0.2.7"

MakeUser = Callable[..., Awaitable[User]]


class Clock:
    """Microseconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(DatabaseUrl("sqlite", str(tmp_path / "test.db")))
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(store: Store, clock: Clock) -> Identity:
    return Identity(store, SECRETS, clock)


@pytest.fixture
def make_user(store: Store) -> MakeUser:
    """Users without money; the ledger makes those that have some."""

    async def make(name: str, **columns: object) -> User:
        return await User.create(id=ids.new("user"), name=name, created_us=1, **columns)

    return make


@pytest.fixture
async def statements(store: Store) -> list[str]:
    """Every SQL statement that SQLite itself executes from now on."""
    seen: list[str] = []
    connection = get_connection(store.connection_name)
    await connection.execute_query("SELECT 1")  # connects
    await connection._connection.set_trace_callback(seen.append)
    return seen


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}
