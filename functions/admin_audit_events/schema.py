"""Which page of the audit log."""

from infra.runtime.call import Call
from infra.runtime.query import Query


def asked(call: Call) -> tuple[str | None, int]:
    """Cursor and limit; raises BadRequest."""
    query = Query(call, "limit", "cursor")
    return query.text("cursor"), query.limit()
