"""What opening a session answers."""

from functions.admin_session.schema import Nothing
from infra.openapi.operation import Operation
from infra.openapi.shapes import Shape, Time


class Session(Shape):
    """A token that stands for the admin key until then."""

    token: str
    expires_at: Time


OPERATIONS = {"POST /admin/session": Operation(answer=Session, body=Nothing)}
