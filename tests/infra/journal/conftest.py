"""An open database with users, keys and a request log that the tests write themselves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from infra.config.urls import database_url
from infra.journal.journal import Journal
from infra.store.database import Store
from infra.store.models import Key, Request, User

DAY = 86_400_000_000
NOW = 20_000 * DAY + 43_200_000_000
"""Noon, 2024-10-04."""

Log = Callable[..., Awaitable[Request]]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    found = Store(database_url(database))
    await found.open()
    for name in ("ada", "bob"):
        await User.create(id=f"user_{name}", name=name, balance=5_000_000_000, held=7, created_us=1)
        await Key.create(
            id=f"key_{name}", user_id=f"user_{name}", name=f"{name}'s", secret_hmac="x", prefix="sk-x", created_us=1
        )
    yield found
    await found.close()


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(store)


@pytest.fixture
def log(store: Store) -> Log:
    """Writes one line; ids count up."""
    count = 0

    async def write(user: str = "ada", **columns: Any) -> Request:
        nonlocal count
        count += 1
        usual: dict[str, Any] = {
            "id": f"req_{count:04d}", "state": "SETTLED", "instance": "inst", "user_id": f"user_{user}",
            "key_id": f"key_{user}", "endpoint": "chat_completions", "model": "m", "status": 200, "created_us": NOW,
        }  # fmt: skip
        return await Request.create(**{**usual, **columns})

    return write
