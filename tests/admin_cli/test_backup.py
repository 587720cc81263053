"""`aethergate backup` and `restore`, as a shell runs them, on both databases."""

import asyncio
from pathlib import Path

import pytest

from infra.client import AdminClient
from tests.admin_cli.conftest import Shell
from tests.standins.running import ADMIN_KEY, SECRETS
from tests.standins.served import served


@pytest.fixture
def on(bare: Shell, database: str) -> Shell:
    """A folder after `aethergate init`, with either database."""
    bare.environ["DATABASE_URL"] = database
    bare.done("init")
    return bare


def test_a_backup_brings_back_the_money_of_its_moment_and_no_revoked_key(on: Shell) -> None:
    on.done("add-user", "bob", "--balance", "10.00")
    key = on.json("gen-key", "bob")
    assert "1 users, 1 keys" in on.done("backup", "safe.backup")
    on.done("top-up", "bob", "5.00")
    on.done("add-user", "late")
    on.done("revoke-key", key["key_prefix"])
    assert "Nothing was replaced" in on.done("restore", "safe.backup", "--check")
    assert on.done("check-balance", "bob") == "bob: 15.00\n"
    said = on.done("restore", "safe.backup")
    assert "everything adds up" in said and "kept as" in said and "1 keys and users" in said
    assert on.done("check-balance", "bob") == "bob: 10.00\n"
    assert [user["username"] for user in on.json("users")["data"]] == ["bob"]
    assert [each["active"] for each in on.json("keys")["data"]] == [False]
    assert on.json("audit", "--reprice")["clean"] is True


def test_the_answers_of_both_are_json_on_request(on: Shell) -> None:
    on.done("add-user", "bob", "--balance", "1.00")
    made = on.json("backup", "safe.backup")
    assert (made["file"], made["rows"]["users"], len(made["sha256"])) == ("safe.backup", 1, 64)
    found = on.json("restore", "safe.backup")
    assert (found["rows"], found["replaced"], found["recovered"]) == (made["rows"], True, 0)
    assert "before" in found["kept"]


def test_sqlite_moves_to_postgresql_and_back(bare: Shell, postgres_url: str) -> None:
    bare.done("init")
    bare.done("add-user", "bob", "--balance", "10.00")
    bare.done("backup", "one.backup")
    bare.environ["DATABASE_URL"] = postgres_url
    bare.done("restore", "one.backup")
    bare.done("top-up", "bob", "1.00")
    bare.done("backup", "two.backup")
    del bare.environ["DATABASE_URL"]
    bare.done("restore", "two.backup")
    assert bare.done("check-balance", "bob") == "bob: 11.00\n"


def test_mistakes_are_one_sentence(shell: Shell) -> None:
    shell.done("add-user", "bob")
    shell.done("backup", "safe.backup")
    assert "exists already" in shell.refused("backup", "safe.backup")
    assert "make it first" in shell.refused("backup", "nowhere/safe.backup")
    assert "no file gone.backup" in shell.refused("restore", "gone.backup")
    (shell.folder / "bad.backup").write_bytes((shell.folder / "safe.backup").read_bytes()[:-20])
    assert "damaged" in shell.refused("restore", "bad.backup")
    assert shell.done("check-balance", "bob") == "bob: 0.00\n"


async def test_a_gateway_that_serves_is_backed_up_and_not_replaced(tmp_path: Path, database: str) -> None:
    async with served(tmp_path, "http://127.0.0.1:9", database=database) as gateway:
        await gateway.event("serving")
        async with AdminClient(gateway.url, token=ADMIN_KEY) as admin:
            await admin.add_user("bob", "10.00")
        shell = Shell(tmp_path, {"SECRET_KEY": SECRETS.secret_key, "MASTER_API_KEY": SECRETS.master_api_key})
        assert "1 users" in await asyncio.to_thread(shell.done, "backup", "safe.backup")
        assert "stop it first" in await asyncio.to_thread(shell.refused, "restore", "safe.backup")
        async with AdminClient(gateway.url, token=ADMIN_KEY) as admin:
            assert [user["username"] for user in (await admin.users())["data"]] == ["bob"]
