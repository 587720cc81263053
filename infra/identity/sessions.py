"""Short-lived tokens that stand for the admin key, so that the control room need not keep it.

    ags-<expires at, epoch seconds>-<16 random hex>-<HMAC-SHA256 of what stands before, hex>

A token ends by its time, by being handed back, or all of them by another MASTER_API_KEY or SECRET_KEY. Only one that
was handed back is written down, until its time: every process looks at that table as often as at keys, so the others
refuse it within 5 s (docs/design.md, One machine, then many).
"""

import hmac
import re
import secrets
from collections.abc import Callable

from infra.store.database import Store
from infra.units import HOURS

SESSION_SECONDS = 8 * HOURS
_TOKEN = re.compile(r"(ags-([0-9]{1,12})-[0-9a-f]{16})-([0-9a-f]{64})")


class Sessions:
    """Issues and recognises tokens. `clock` gives microseconds since 1970."""

    def __init__(self, key: bytes, clock: Callable[[], int], store: Store) -> None:
        self._key = key
        self._clock = clock
        self._store = store
        self._ended: set[str] = set()

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
        over = self._clock() >= int(match[2]) * 1_000_000 or match[1] in self._ended
        return None if over else int(match[2])

    def ended(self, claim: str) -> bool:
        """Whether the token of this claim was handed back, as far as this process knows."""
        return claim in self._ended

    async def end(self, claim: str) -> None:
        """The token of this claim is refused from now on."""
        until = int(claim.split("-")[1])
        self._ended.add(claim)

        async def work() -> None:
            await self._store.run("DELETE FROM ended_sessions WHERE until_s <= ?", self._clock() // 1_000_000)
            sql = "INSERT INTO ended_sessions (claim, until_s) VALUES (?, ?) ON CONFLICT (claim) DO NOTHING"
            await self._store.run(sql, claim, until)

        await self._store.write(work)

    async def refresh(self) -> None:
        """Learns which tokens were handed back to other processes, or before this one began."""
        rows = await self._store.rows("SELECT claim FROM ended_sessions WHERE until_s > ?", self._clock() // 1_000_000)
        self._ended = {row["claim"] for row in rows}

    @staticmethod
    def claim_of(text: str) -> str:
        """What a token says before its signature."""
        return text.rpartition("-")[0]

    def _sign(self, claim: str) -> str:
        return hmac.digest(self._key, claim.encode("ascii"), "sha256").hex()
