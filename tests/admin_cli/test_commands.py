"""Every other command without a server, and that all of them leave the books right."""

from decimal import Decimal

from tests.admin_cli.conftest import Shell


def test_money_comes_goes_and_is_proved(shell: Shell) -> None:
    shell.done("add-user", "bob", "--balance", "1.00")
    shell.done("top-up", "bob", "0.10")
    shell.done("top-up", "bob", "0.20", "--reason", "cash")
    down = shell.json("adjust", "bob", "-0.05", "--reason", "a mistake")
    assert (down["amount"], down["balance"]) == (Decimal("-0.05"), Decimal("1.25"))
    entries = shell.json("ledger", "bob")["data"]
    assert [entry["amount"] for entry in entries] == [Decimal(each) for each in ("-0.05", "0.2", "0.1", "1")]
    report = shell.json("audit", "--reprice")
    assert (report["clean"], report["findings"], report["balance_total"]) == (True, [], Decimal("1.25"))


def test_the_same_idempotency_key_moves_money_once(shell: Shell) -> None:
    shell.done("add-user", "bob")
    for _ in range(2):
        shell.done("top-up", "bob", "5", "--idempotency-key", "invoice-17")
    assert shell.done("check-balance", "bob") == "bob: 5.00\n"


def test_a_key_with_limits_is_listed_rotated_and_revoked(shell: Shell) -> None:
    shell.done("add-user", "bob")
    words = ("--rate-limit", "60/m", "--expires", "90d", "--model", "qwen2.5:3b", "--owner")
    made = shell.json("gen-key", "bob", "--name", "laptop", *words)
    assert (made["limits"]["requests"], made["models"], made["owner"]) == ("60/m", ["qwen2.5:3b"], True)
    fresh = shell.done("rotate-key", made["key_prefix"], "--grace", "1h").splitlines()[0]
    assert fresh.startswith("sk-")
    assert fresh != made["key"]
    shell.done("revoke-key", fresh[:15])
    by_prefix = {key["key_prefix"]: key for key in shell.json("keys", "bob")["data"]}
    assert by_prefix[fresh[:15]]["active"] is False
    assert by_prefix[made["key_prefix"]]["expires_at"] is not None


def test_a_whole_key_in_a_list_is_never_shown(shell: Shell) -> None:
    shell.done("add-user", "bob")
    key = shell.done("gen-key", "bob").strip()
    assert key not in shell.done("keys") + shell.done("keys", "--json")


def test_a_model_is_repriced_listed_and_removed(shell: Shell) -> None:
    shell.done("add-model", "m", "ollama/m", "--price-in", "0.000001", "--price-out", "0.000002")
    shell.done("set-price", "m", "--price", "cached=0.10/1M")
    listed = {model["id"]: model for model in shell.json("models")["data"]}
    assert listed["m"]["price"] == {"input": "1.00/1M", "output": "2.00/1M", "cached": "0.10/1M"}
    shell.done("remove-model", "m")
    assert "m" not in [model["id"] for model in shell.json("models")["data"]]


def test_a_model_over_the_file_is_marked_and_can_be_taken_back(shell: Shell) -> None:
    shell.done("add-model", "qwen2.5:3b", "ollama/other", "--price-in", "0.000009", "--price-out", "0.000009")
    listed = {model["id"]: model for model in shell.json("models")["data"]}
    assert (listed["qwen2.5:3b"]["overrides_file"], listed["qwen2.5:3b"]["targets"]) == (True, ["ollama/other"])
    assert "overrides gateway.yaml" in shell.done("models")
    shell.done("remove-model", "qwen2.5:3b")
    listed = {model["id"]: model for model in shell.json("models")["data"]}
    assert listed["qwen2.5:3b"]["targets"] == ["ollama/qwen2.5:3b"]


def test_a_user_who_is_switched_off_is_listed_as_such(shell: Shell) -> None:
    shell.done("add-user", "bob", "--balance", "1")
    shell.done("change-user", "bob", "--inactive", "--rate-limit", "5/m")
    (user,) = shell.json("users")["data"]
    assert (user["active"], user["limits"]["requests"], user["balance_nano"]) == (False, "5/m", 1_000_000_000)


def test_what_is_piped_has_no_colour_and_does_not_wrap(shell: Shell) -> None:
    shell.environ |= {"COLUMNS": "30", "FORCE_COLOR": "1"}
    name = "a-user-with-a-name-that-is-longer-than-the-terminal"
    shell.done("add-user", name, "--balance", "1.00")
    lines = shell.done("users").splitlines()
    assert len(lines) == 2
    assert name in lines[1]
    assert "\x1b" not in lines[0] + lines[1]


def test_a_name_cannot_steer_the_terminal_or_be_taken_for_markup(shell: Shell) -> None:
    refused = shell.run("check-balance", "[red]\x1b[31mbob")
    assert refused.returncode == 1
    assert "\x1b" not in refused.stderr


def test_version_is_said_both_ways(bare: Shell) -> None:
    assert bare.done("version") == bare.done("--version")
    assert bare.json("version")["version"] in bare.done("version")
