"""What goes wrong ends in one sentence on stderr: 1 refused or failed, 2 a line that cannot be understood."""

import sqlite3

import pytest

from tests.admin_cli.conftest import Shell


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("frobnicate",), "frobnicate"),
        (("add-user",), "NAME"),
        (("add-user", "bob", "--balnce", "1"), "--balance"),
        (("requests", "--limit", "many"), "--limit"),
        (("add-user", "eve", "--balance", "ten"), "'ten' is not a number"),
        (("top-up", "bob", "nan"), "'nan' is not a finite number"),
        (("add-model", "m", "ollama/m", "--price-in", "1,5"), "'1,5'"),
        (("set-price", "m"), "say a price"),
        (("set-price", "m", "--price", "input"), "METER=PRICE"),
    ],
)
def test_a_line_that_cannot_be_understood_is_2(bare: Shell, words: tuple[str, ...], said: str) -> None:
    assert said in bare.refused(*words, code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check-balance", "bbo"), "did you mean bob"),
        (("add-user", "bob"), "exists"),
        (("add-user", "eve", "--balance", "-1"), "negative"),
        (("top-up", "bob", "0.0000000001"), "amount"),
        (("adjust", "bob", "-5"), "balance"),
        (("gen-key", "bob", "--rate-limit", "often"), "often"),
        (("gen-key", "bob", "--model", "qwen2.5"), "qwen2.5:3b"),
        (("revoke-key", "sk-000000000000"), "key"),
        (("add-model", "m", "olama/m", "--price-in", "1", "--price-out", "1"), "ollama"),
        (("refund", "req_0000000000000000000"), "req_0000000000000000000"),
        (("backends",), "aethergate serve"),
        (("plan",), "aethergate serve"),
        (("apply",), "aethergate serve"),
    ],
)
def test_what_is_refused_is_1_and_says_why(stocked: Shell, words: tuple[str, ...], said: str) -> None:
    assert said in stocked.refused(*words)
    assert stocked.done("check-balance", "bob") == "bob: 1.00\n"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """One user with 1.00; nobody in this module changes anything."""
    shell = Shell(tmp_path_factory.mktemp("stocked"))
    shell.done("init")
    shell.done("add-user", "bob", "--balance", "1.00")
    return shell


def test_without_a_file_the_sentence_says_how_to_begin(bare: Shell) -> None:
    assert "gateway.yaml" in bare.refused("users")


def test_without_secrets_the_sentence_names_both(shell: Shell) -> None:
    (shell.folder / ".env").unlink()
    said = shell.refused("users")
    assert "SECRET_KEY" in said
    assert "MASTER_API_KEY" in said


def test_an_address_where_nobody_answers_is_named(bare: Shell) -> None:
    bare.environ |= {"AETHERGATE_URL": "http://127.0.0.1:9", "MASTER_API_KEY": "some-key-1234"}
    assert "http://127.0.0.1:9" in bare.refused("users")


def test_a_database_that_is_none_is_said(shell: Shell) -> None:
    (shell.folder / "aethergate.db").write_bytes(b"this is no database" * 500)
    assert "database" in shell.refused("users")


def test_a_database_of_a_newer_version_is_left_alone(shell: Shell) -> None:
    with sqlite3.connect(shell.folder / "aethergate.db") as database:
        database.execute("INSERT INTO schema_migrations VALUES (9999, 0)")
    database.close()
    assert "newer" in shell.refused("users")


def test_an_audit_that_finds_something_is_1(shell: Shell) -> None:
    shell.done("add-user", "bob", "--balance", "1.00")
    with sqlite3.connect(shell.folder / "aethergate.db") as database:
        database.execute("UPDATE users SET balance = balance + 1")
    database.close()
    found = shell.run("audit")
    assert found.returncode == 1
    assert "bob" in found.stdout or "user_" in found.stdout
    assert shell.run("audit", "--json").returncode == 1
