"""What the rooms tell: counted, written down where it is to be kept, and passed on to whoever watches."""

from typing import TYPE_CHECKING

from infra.ledger.books import RequestRow
from infra.ledger.operations import Billed
from infra.live import running
from infra.live.diary import Diary

if TYPE_CHECKING:
    from infra.runtime.call import Call
    from infra.runtime.gateway import Gateway
    from infra.runtime.relay import Relay

NOUNS = {"user": "user", "ledger": "user", "request": "user", "key": "key", "backend": "backend"}
"""The first word of an action in the audit log → the kind of its event; all others are about the configuration."""
COUNTED = ("failed", "retried")
"""What happens to a backend so often that it is only counted; the request log has each of them."""

FOUND_UP = "found up"
"""By the first look at it, which changes nothing unless the diary has it down."""


class Told:
    """One per gateway. With nobody watching, a request costs three additions here."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._hub = gateway.live.hub
        self.diary = Diary(
            gateway.store, gateway.ledger.instance, self._hub, lambda work: gateway.spawn(work, name="diary")
        )

    def begun(self, relay: "Relay") -> None:
        """A request to a model is on its way."""
        self._gateway.relays[relay.row.id] = relay
        if self._hub.listening:
            self._hub.tell("request.started", running.asked(relay))

    def ended(self, call: "Call", row: RequestRow, billed: Billed | None) -> None:
        """A request to a model has come to its end, whatever that was."""
        self._gateway.telemetry.ended(row, billed)
        self._gateway.live.pace.ended(row.status, row.output_tokens)
        if self._hub.listening:
            self._hub.tell("request.ended", running.ended(call, row, billed.charged if billed is not None else 0))

    def changed(self, action: str, target: str, actor: str) -> None:
        """Somebody at the admin API changed something; `action` as in the audit log."""
        if self._hub.listening:
            kind = NOUNS.get(action.partition(".")[0], "config")
            self._hub.tell(kind, {"action": action, "target": target, "actor": actor})

    def backend(self, name: str, what: str) -> None:
        """Something happened to a backend."""
        if what == FOUND_UP:
            self.diary.found_up(name)
            return
        self._gateway.telemetry.backend_event(name, what)
        if what not in COUNTED:
            why = None if what in ("up", "readmitted", "draining", "resumed") else self._gateway.pool.why(name)
            self.diary.note(name, what, why)
        seconds = self._gateway.pool.out_seconds(name)
        if seconds is not None and what in ("ejected", "readmitted"):
            self._gateway.spawn(self._gateway.live.tell_judged(name, what, seconds), name="judged")
