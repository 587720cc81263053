"""What keys look like."""

from functions.admin_keys.schema import ChangedKey, NewKey, Rotation
from infra.identity.key_columns import STATES
from infra.openapi.operation import PAGE, USER, Field, Operation, choice
from infra.openapi.shapes import Rates, Shape, Time


class Key(Shape):
    """A key, never the secret itself; `state` says why one does not work."""

    id: str
    name: str
    username: str
    user_id: str
    key_prefix: str
    active: bool
    state: str
    owner: bool
    limits: Rates
    models: list[str] | None
    expires_at: Time | None
    created_at: Time
    last_used_at: Time | None
    replaced_by: str | None


class MintedKey(Key, kw_only=True):
    """A new key with its secret, which is shown this once."""

    key: str


STATE = choice("Only keys in this state.", *STATES)

OPERATIONS = {
    "GET /admin/keys": Operation(
        answer=Key,
        listed=True,
        query={"user": USER, "q": Field("A part of key, name or user."), "state": STATE, **PAGE},
        errors=(404,),
    ),
    "POST /admin/keys": Operation(answer=MintedKey, status=201, body=NewKey, errors=(404,)),
    "GET /admin/keys/{id}": Operation(answer=Key, errors=(404,)),
    "PATCH /admin/keys/{id}": Operation(answer=Key, body=ChangedKey, errors=(404, 409)),
    "DELETE /admin/keys/{id}": Operation(answer=Key, errors=(404,)),
    "POST /admin/keys/{id}/rotate": Operation(answer=MintedKey, status=201, body=Rotation, errors=(404, 409)),
}
