"""The filters of a list of requests, from a query string."""

import re

from infra.errors import BadRequest
from infra.journal.line import Filters
from infra.runtime.query import Query

FILTERS = ("id", "key", "model", "state", "status", "endpoint", "basis", "error", "from", "to")
FIELDS = (*FILTERS, "limit", "cursor")
BASES = ("measured", "partial", "estimated", "recovered")
FAILED = "error"
"""The status of whatever went wrong."""
STATES = ("HELD", "STREAMING", "SETTLED", "VOID")
_STATUS = re.compile(r"[1-5](?:[0-9][0-9]|xx)", re.IGNORECASE)


def filters(query: Query, *, user_id: str | None, key_id: str | None) -> Filters:
    """Raises BadRequest. `backend` counts only where the query may say it."""
    status = query.text("status")
    failed = status is not None and status.lower() == FAILED
    return Filters(
        id=query.text("id"),
        user_id=user_id,
        key_id=key_id,
        model=query.text("model"),
        endpoint=query.text("endpoint"),
        state=query.one_of("state", STATES),
        status=None if failed else _status(status),
        failed=failed,
        error=query.text("error"),
        backend=query.text("backend"),
        basis=query.one_of("basis", BASES),
        from_us=query.start(),
        to_us=query.end(),
    )


def _status(text: str | None) -> tuple[int, int] | None:
    """Lowest and highest status of "402" or "5xx"."""
    if text is None:
        return None
    if not _STATUS.fullmatch(text):
        raise BadRequest(
            f"status must be one like 402, a class like 5xx, or error; found {text[:40]!r}.", param="status"
        )
    low, high = text.lower().replace("x", "0"), text.lower().replace("x", "9")
    return int(low), int(high)
