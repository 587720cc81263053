"""What users look like."""

from functions.admin_users.schema import ChangedUser, NewUser
from infra.journal.people import SORTS
from infra.openapi.operation import CURSOR, LIMIT, Field, Operation, choice
from infra.openapi.shapes import Money, Nano, Rates, Shape, Time


class User(Shape):
    """A user with what is on the account; `keys` are those that are switched on. `spent` counts the last 30 UTC days,
    today's part included; `last_used_at` is when one of their keys was last used."""

    id: str
    username: str
    balance: Money
    balance_nano: Nano
    held: Money
    held_nano: Nano
    spent: Money
    spent_nano: Nano
    active: bool
    weight: int
    limits: Rates
    keys: int
    last_used_at: Time | None
    created_at: Time


SORT = choice("In which order; with a - the largest first. Without it the oldest user first.", *SORTS)

OPERATIONS = {
    "GET /admin/users": Operation(
        answer=User,
        listed=True,
        query={"q": Field("A part of the name."), "sort": SORT, "limit": LIMIT, "cursor": CURSOR},
    ),
    "POST /admin/users": Operation(answer=User, status=201, body=NewUser, errors=(409, 503)),
    "GET /admin/users/{id}": Operation(answer=User, errors=(404,)),
    "PATCH /admin/users/{id}": Operation(answer=User, body=ChangedUser, errors=(404,)),
}
