"""The form of keys."""

import re

import pytest

from infra.identity.keyring import Keyring, mask


def test_a_key_is_sk_and_50_base62_digits_with_a_public_id_in_front() -> None:
    key_id, text = Keyring("secret").make()
    assert re.fullmatch(r"sk-[0-9A-Za-z]{50}", text)
    assert text.startswith(f"sk-{key_id}") and len(key_id) == 12
    assert Keyring("secret").public_id(text) == key_id


def test_no_two_keys_are_alike() -> None:
    keyring = Keyring("secret")
    made = [keyring.make() for _ in range(500)]
    assert len({key_id for key_id, _ in made}) == len({text for _, text in made}) == 500


def test_a_key_with_any_one_digit_changed_is_no_key() -> None:
    keyring = Keyring("secret")
    _, text = keyring.make()
    for place in range(3, len(text)):
        other = "0" if text[place] != "0" else "1"
        assert keyring.public_id(text[:place] + other + text[place + 1 :]) is None


def test_a_key_of_another_secret_key_is_no_key() -> None:
    _, text = Keyring("another").make()
    assert Keyring("secret").public_id(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "sk-", "sk-" + "0" * 50, "sk-" + "é" * 50, "sk-" + "\0" * 50, "x" * 100_000, "sk-" + "\ud800" * 50, "٣" * 53],
)
def test_other_text_is_no_key_and_no_error(text: str) -> None:
    keyring = Keyring("secret")
    assert keyring.public_id(text) is None
    assert keyring.same(text, "other") is False


def test_what_is_stored_is_neither_the_key_nor_a_plain_hash_of_it() -> None:
    _, text = Keyring("secret").make()
    stored = Keyring("secret").digest(text)
    assert re.fullmatch(r"[0-9a-f]{64}", stored)
    assert stored != Keyring("another").digest(text)
    assert text[15:47] not in stored


def test_pepper_checksum_and_session_key_are_three_different_keys() -> None:
    keyring = Keyring("secret")
    assert len({keyring._pepper, keyring._checksum_key, keyring._session_root, b"secret"}) == 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sk-ab" + "c" * 44 + "wxyz", "sk-ab***wxyz"),
        ("short", "***"),
        ("fifteen letters", "***"),
        ("é\0\n\ud800😀" + "x" * 20 + "\x1b[0m", "?????***?[0m"),
    ],
)
def test_a_masked_key_shows_its_ends_at_most_and_only_what_can_be_printed(text: str, shown: str) -> None:
    assert mask(text) == shown
