"""What the owner says when a request is stopped, and how running ones are shown."""

from typing import TYPE_CHECKING, Any

import msgspec

from infra.errors import BadRequest
from infra.identity.names import storable
from infra.journal import views

if TYPE_CHECKING:
    from infra.live.live import Board

REASON_MAX = 300


class Stop(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/live/{id}/stop; the reason is told to the caller and kept in the request log."""

    reason: str = ""


def checked(said: Stop) -> str:
    """The reason; raises BadRequest."""
    if not storable(said.reason, REASON_MAX) and said.reason:
        raise BadRequest(f"reason must be a text of at most {REASON_MAX} characters.", param="reason")
    return said.reason


def listed(board: "Board") -> dict[str, Any]:
    """Running requests with the counts of all of them."""
    return {**views.listing(board.requests), "running": board.running, "queued": board.queued}


def outcome(found: dict[str, Any], reason: str) -> dict[str, Any]:
    """What came of a stop."""
    money = views.money("charged", found["charged_nano"])
    return {**{name: value for name, value in found.items() if name != "charged_nano"}, **money, "reason": reason}
