"""A request whose key, limits and prices are known asks the database nothing: it writes its hold and its bill."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tortoise.backends.sqlite.client import SqliteClient

from infra.ledger.sqlite_vault import SqliteVault
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, Running, running

CHAT = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]}
STATEMENTS = ("execute_query", "execute_query_dict", "execute_insert", "execute_many", "execute_script")


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Running]:
    async with StandIn() as backend, running(tmp_path, MANIFEST, None, backend=backend.url) as found:
        yield found


async def test_ten_requests_make_twenty_commits_and_read_nothing(
    gate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask: dict[str, Any] = {"json": CHAT, "headers": {"authorization": f"Bearer {await gate.key()}"}}
    assert (await gate.client.post("/v1/chat/completions", **ask)).status_code == 200  # now all is known
    asked: list[str] = []
    held: list[str] = []

    def counted(name: str) -> Any:
        real = getattr(SqliteClient, name)

        async def spy(self: Any, query: str, *more: Any) -> Any:
            asked.append(query)
            return await real(self, query, *more)

        return spy

    for name in STATEMENTS:
        monkeypatch.setattr(SqliteClient, name, counted(name))
    commit = SqliteVault._commit

    def written(self: Any, operations: Any, manner: Any) -> Any:
        held.extend(type(operation).__name__ for operation in operations)
        return commit(self, operations, manner)

    monkeypatch.setattr(SqliteVault, "_commit", written)
    for _ in range(10):
        assert (await gate.client.post("/v1/chat/completions", **ask)).status_code == 200
    assert [sql for sql in asked if "users" in sql or "keys" in sql or "price" in sql or "models" in sql] == []
    assert (held.count("Hold"), held.count("Settle")) == (10, 10)
