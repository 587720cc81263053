"""The form of a key, and all that is derived from SECRET_KEY.

    sk- + 12 public id + 32 secret (190 bits) + 6 checksum, in base62

The checksum is keyed: who does not know SECRET_KEY cannot write a key that gets as far as the database. At rest there
is only an HMAC of the whole key under another derived key, so a stolen database opens nothing.
"""

import hmac
import secrets

from infra.store.ids import base62

PREFIX = "sk-"
ID_DIGITS, SECRET_DIGITS, CHECK_DIGITS = 12, 32, 6
KEY_LENGTH = len(PREFIX) + ID_DIGITS + SECRET_DIGITS + CHECK_DIGITS


class Keyring:
    """Makes and recognises keys. Each use has its own key, derived with its own label."""

    def __init__(self, secret_key: str) -> None:
        root = secret_key.encode("utf-8", "surrogatepass")
        # Copied for each key: to set an HMAC up takes several times as long as the rest of it.
        self._pepper = hmac.new(_derive(root, "aethergate/1/key-pepper"), digestmod="sha256")
        self._checksum_key = _derive(root, "aethergate/1/key-checksum")
        self._session_root = _derive(root, "aethergate/1/admin-session")

    def make(self) -> tuple[str, str]:
        """(public id, the key to show once)."""
        body = base62(secrets.randbelow(62 ** (ID_DIGITS + SECRET_DIGITS)), ID_DIGITS + SECRET_DIGITS)
        return body[:ID_DIGITS], PREFIX + body + self._checksum(body)

    def claimed_id(self, text: str) -> str:
        """Where the public id stands in a key of ours; not looked at whether this is one."""
        return text[len(PREFIX) : len(PREFIX) + ID_DIGITS]

    def public_id(self, text: str) -> str | None:
        """The public id of a key that this gateway has made; None for any other text."""
        if len(text) != KEY_LENGTH or not text.startswith(PREFIX) or not text.isascii():
            return None
        body, check = text[len(PREFIX) : -CHECK_DIGITS], text[-CHECK_DIGITS:]
        return body[:ID_DIGITS] if hmac.compare_digest(check, self._checksum(body)) else None

    def digest(self, text: str) -> str:
        """What stands in the database for a key: 64 hexadecimal digits."""
        found = self._pepper.copy()
        found.update(text.encode("utf-8", "surrogatepass"))
        return found.hexdigest()

    def session_key(self, master_api_key: str) -> bytes:
        """The signer of admin sessions; a new admin key ends the sessions of the old one."""
        return hmac.digest(self._session_root, master_api_key.encode("utf-8", "surrogatepass"), "sha256")

    def same(self, text: str, other: str) -> bool:
        """Whether two secrets are equal, in a time that tells neither where they differ nor how long they are."""
        return hmac.compare_digest(self.digest(text), self.digest(other))

    def _checksum(self, body: str) -> str:
        digest = hmac.digest(self._checksum_key, body.encode("ascii"), "sha256")
        return base62(int.from_bytes(digest[:8], "big") % 62**CHECK_DIGITS, CHECK_DIGITS)


def _derive(root: bytes, label: str) -> bytes:
    return hmac.digest(root, label.encode("ascii"), "sha256")


def mask(text: str) -> str:
    """What came, for an error message: sk-ab***wxyz; nothing of a text too short to hide anything in."""
    if len(text) < 16:
        return "***"
    shown = text[:5] + "***" + text[-4:]
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in shown)
