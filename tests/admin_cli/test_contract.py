"""The original's command lines, word for word, without a server (API_REFERENCE.md, Command line)."""

import re
from decimal import Decimal

from tests.admin_cli.conftest import Shell

KEY = re.compile(r"sk-[0-9A-Za-z]{50}")


def test_from_nothing_to_a_key_and_a_balance(bare: Shell) -> None:
    bare.done("init")
    bare.done("add-user", "bob", "--balance", "10.00")
    made = bare.run("gen-key", "bob", "--name", "default")
    bare.done("add-model", "m:3b", "ollama/m:3b", "--price-in", "0.000001", "--price-out", "0.000002")
    assert made.returncode == 0
    assert KEY.fullmatch(made.stdout.splitlines()[0])
    assert "10.00" in bare.done("check-balance", "bob")


def test_a_key_is_alone_on_stdout_and_its_words_are_on_stderr(shell: Shell) -> None:
    shell.done("add-user", "bob")
    shell.environ["COLUMNS"] = "20"  # narrower than a key
    made = shell.run("gen-key", "bob")
    assert KEY.fullmatch(made.stdout.removesuffix("\n"))
    assert "shown this once" in made.stderr


def test_a_balance_keeps_its_digits_and_has_two_decimals_at_least(shell: Shell) -> None:
    shell.done("add-user", "whole", "--balance", "10")
    shell.done("add-user", "fine", "--balance", "0.123456789")
    assert shell.done("check-balance", "whole") == "whole: 10.00\n"
    assert shell.done("check-balance", "fine") == "fine: 0.123456789\n"
    assert shell.json("check-balance", "fine")["balance"] == Decimal("0.123456789")


def test_a_price_is_per_token_and_exact(shell: Shell) -> None:
    words = ("add-model", "m", "ollama/m", "--price-in", "0.000001", "--price-out", "0.000002")
    made = shell.json(*words)
    assert (made["price_in"], made["price_out"]) == (Decimal("0.000001"), Decimal("0.000002"))
    assert (made["targets"], made["source"]) == (["ollama/m"], "owner")


def test_init_overwrites_nothing_and_its_secrets_are_for_the_owner_alone(shell: Shell) -> None:
    env = shell.folder / ".env"
    before = env.read_text()
    shell.done("add-user", "bob", "--balance", "1")
    shell.done("init")
    assert env.read_text() == before
    assert env.stat().st_mode & 0o777 == 0o600
    assert "1.00" in shell.done("check-balance", "bob")


def test_the_file_is_found_by_option_then_by_environment(shell: Shell) -> None:
    shell.done("add-user", "bob", "--balance", "3")
    other = Shell(shell.folder / "elsewhere")
    other.folder.mkdir()
    database = f"sqlite:///{shell.folder}/aethergate.db"
    other.environ["DATABASE_URL"] = database
    path = str(shell.folder / "gateway.yaml")
    assert other.done("check-balance", "bob", "--config", path) == "bob: 3.00\n"
    other.environ["AETHERGATE_CONFIG"] = path
    assert other.done("check-balance", "bob") == "bob: 3.00\n"
