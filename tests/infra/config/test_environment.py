"""Variables, .env and the two secrets."""

import secrets as random
from pathlib import Path

import pytest

from infra.config import ConfigError, check_exposure, is_loopback, placeholders, read_env, secrets
from infra.config.objects import Secrets
from infra.config.variables import expand


@pytest.mark.parametrize(
    ("text", "environ", "found"),
    [
        ("plain", {}, "plain"),
        ("${A}", {"A": "1"}, "1"),
        ("x${A}y${B}z", {"A": "1", "B": "2"}, "x1y2z"),
        ("${A}", {"A": ""}, ""),
        ("${A:-d}", {}, "d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A:-d}", {"A": "1"}, "1"),
        ("${A:-}", {}, ""),
        ("${A:-http://h:1/x?y=z}", {}, "http://h:1/x?y=z"),
        ("$${A}", {"A": "1"}, "${A}"),
        ("$A $ {A}", {"A": "1"}, "$A $ {A}"),
        ("${A}", {"A": "${B}", "B": "2"}, "${B}"),
    ],
)
def test_variables_are_read_as_the_shell_does(text: str, environ: dict[str, str], found: str) -> None:
    assert expand(text, environ) == found


@pytest.mark.parametrize("text", ["${A}", "${}", "${1A}", "${A", "${A-d}", "${A:-${B}}", "${A B}", "x${"])
def test_an_unset_or_odd_variable_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{.*(is not set|is not a variable)"):
        expand(text, {})


def test_env_is_read_with_quotes_comments_export_and_references(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "\ufeff# a comment\n"
        'SECRET_KEY="a # b"   # inline\n'
        "MASTER_API_KEY='sk-$x'\n"
        "PLAIN=value # inline\n"
        "HASH=a#b\n"
        "export EXPORTED=yes\n"
        "EMPTY=\n"
        "NAME_ALONE\n"
        'LINES="one\\ntwo"\n'
        "URL=http://${HOST:-h}:${PORT}/\n",
        encoding="utf-8",
    )
    found = read_env(tmp_path, {"PORT": "1", "PLAIN": "of the environment"})
    assert found == {
        "SECRET_KEY": "a # b",
        "MASTER_API_KEY": "sk-$x",
        "PLAIN": "of the environment",
        "HASH": "a#b",
        "EXPORTED": "yes",
        "EMPTY": "",
        "LINES": "one\ntwo",
        "URL": "http://h:1/",
        "PORT": "1",
    }


def test_no_env_file_is_no_fault_and_an_unreadable_one_is_a_sentence(tmp_path: Path) -> None:
    assert read_env(tmp_path, {"A": "1"}) == {"A": "1"}
    (tmp_path / ".env").write_bytes(b"A=1\nB='open\nC=3\n")
    with pytest.raises(ConfigError, match=r"\.env:2: not NAME=value"):
        read_env(tmp_path, {})
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_env(tmp_path, {})
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_env(tmp_path, {})


def test_missing_secrets_are_all_named() -> None:
    with pytest.raises(ConfigError, match=r"^SECRET_KEY and MASTER_API_KEY are not set: .*\.env"):
        secrets({"MASTER_API_KEY": " "})
    with pytest.raises(ConfigError, match=r"^MASTER_API_KEY is not set"):
        secrets({"SECRET_KEY": "x"})
    assert secrets({"SECRET_KEY": " a b ", "MASTER_API_KEY": "sk-1"}) == Secrets("a b", "sk-1")


def test_a_master_key_that_no_header_can_carry_is_refused_unseen() -> None:
    for odd in ("sk hush", "sk-hüsh", "sk-hush\nx"):
        with pytest.raises(ConfigError, match="travels in a header") as caught:
            secrets({"SECRET_KEY": "x", "MASTER_API_KEY": odd})
        assert "sh" not in str(caught.value).replace("should", "").replace("ASCII", "")


KNOWN = """change-me changeme CHANGE_ME! sk-master-key your-secret-key your_secret_key_here_change_in_production
secret supersecret password123 sk-1234 admin test-secret aaaaaaaaaaaaaaaa x7! 123456"""


@pytest.mark.parametrize("value", KNOWN.split())
def test_a_secret_that_everybody_knows_is_told(value: str) -> None:
    good = random.token_urlsafe(32)
    assert placeholders(Secrets(value, good)) == ("SECRET_KEY",)
    assert placeholders(Secrets(good, value)) == ("MASTER_API_KEY",)


def test_random_secrets_are_never_taken_for_placeholders() -> None:
    makers = (random.token_urlsafe, random.token_hex, lambda size: f"sk-{random.token_hex(size)}")
    for _ in range(500):
        for make in makers:
            assert placeholders(Secrets(make(16), make(32))) == ()


def test_placeholder_secrets_may_not_face_a_network() -> None:
    known, good = Secrets("change-me", "sk-master-key"), Secrets(random.token_hex(16), random.token_hex(16))
    for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.53"):
        assert is_loopback(host)
        check_exposure(host, known)
    for host in ("0.0.0.0", "::", "192.168.1.4", "example.com", ""):
        with pytest.raises(ConfigError, match="SECRET_KEY and MASTER_API_KEY can be guessed"):
            check_exposure(host, known)
        check_exposure(host, good)
