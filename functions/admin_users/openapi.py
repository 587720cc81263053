"""What users look like."""

from functions.admin_users.schema import ChangedUser, NewUser
from infra.openapi.operation import CURSOR, LIMIT, Field, Operation
from infra.openapi.shapes import Money, Nano, Rates, Shape, Time


class User(Shape):
    """A user with what is on the account; `keys` are those that are switched on."""

    id: str
    username: str
    balance: Money
    balance_nano: Nano
    held: Money
    held_nano: Nano
    active: bool
    weight: int
    limits: Rates
    keys: int
    created_at: Time


OPERATIONS = {
    "GET /admin/users": Operation(
        answer=User, listed=True, query={"q": Field("A part of the name."), "limit": LIMIT, "cursor": CURSOR}
    ),
    "POST /admin/users": Operation(answer=User, status=201, body=NewUser, errors=(409, 503)),
    "GET /admin/users/{id}": Operation(answer=User, errors=(404,)),
    "PATCH /admin/users/{id}": Operation(answer=User, body=ChangedUser, errors=(404,)),
}
