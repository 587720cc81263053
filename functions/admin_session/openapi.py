"""What opening and ending a session answer."""

from functions.admin_session.schema import Nothing
from infra.openapi.operation import Operation
from infra.openapi.shapes import Shape, Time


class Session(Shape):
    """A token that stands for the admin key until then."""

    token: str
    expires_at: Time


class Ended(Shape):
    """The token is refused from now on."""

    ended: bool


OPERATIONS = {
    "POST /admin/session": Operation(answer=Session, body=Nothing),
    "DELETE /admin/session": Operation(answer=Ended, errors=(400,)),
}
