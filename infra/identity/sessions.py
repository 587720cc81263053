"""Short-lived tokens that stand for the admin key, so that the control room need not keep it.

    ags-<expires at, epoch seconds>-<16 random hex>-<HMAC-SHA256 of what stands before, hex>

No row anywhere: a token ends by its time, or all of them by another MASTER_API_KEY or SECRET_KEY.
"""

import hmac
import re
import secrets
from collections.abc import Callable

from infra.units import HOURS

SESSION_SECONDS = 8 * HOURS
_TOKEN = re.compile(r"(ags-([0-9]{1,12})-[0-9a-f]{16})-([0-9a-f]{64})")


class Sessions:
    """Issues and recognises tokens. `clock` gives microseconds since 1970."""

    def __init__(self, key: bytes, clock: Callable[[], int]) -> None:
        self._key = key
        self._clock = clock

    def issue(self) -> tuple[str, int]:
        """(token, the epoch second at which it ends)."""
        expires_at = self._clock() // 1_000_000 + SESSION_SECONDS
        claim = f"ags-{expires_at}-{secrets.token_hex(8)}"
        return f"{claim}-{self._sign(claim)}", expires_at

    def ends_at(self, text: str) -> int | None:
        """The epoch second at which a token ends; None where this gateway did not sign it, or it has ended."""
        match = _TOKEN.fullmatch(text)
        if match is None or not hmac.compare_digest(match[3], self._sign(match[1])):
            return None
        return int(match[2]) if self._clock() < int(match[2]) * 1_000_000 else None

    def _sign(self, claim: str) -> str:
        return hmac.digest(self._key, claim.encode("ascii"), "sha256").hex()
