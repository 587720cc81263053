"""What the audit log looks like."""

from typing import Any

from infra.openapi.operation import FROM, PAGE, TO, Field, Operation
from infra.openapi.shapes import Shape, Time


class AuditEvent(Shape):
    """Who did what, from where."""

    id: str
    at: Time
    actor: str
    address: str
    action: str
    target: str
    before: Any
    after: Any


QUERY = {
    "action": Field("One like user.create, or a noun, user, for all of its actions."),
    "actor": Field("admin or admin session."),
    "target": Field("A part of it."),
    "from": FROM,
    "to": TO,
    **PAGE,
}

OPERATIONS = {"GET /admin/audit-events": Operation(answer=AuditEvent, listed=True, query=QUERY)}
