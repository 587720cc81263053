"""The properties of a key, checked, as the columns of its row."""

import json
from collections.abc import Sequence
from typing import Any, TypedDict

from tortoise.expressions import Q

from infra.config.objects import Limits
from infra.errors import BadRequest
from infra.identity.names import check_name, storable
from infra.limits.wire import limits_to_json
from infra.store.clock import SECOND_US
from infra.store.models import Key
from infra.units import DAYS

EXPIRY_MAX_US = 36_500 * DAYS * SECOND_US
MODEL_NAME_MAX = 200
STATES = ("active", "off", "replaced", "revoked", "expired")
"""One that is off can be switched on again."""


class KeyChange(TypedDict, total=False):
    """What can be changed of a key; what is left out stays."""

    name: str
    active: bool
    owner: bool
    limits: Limits
    models: Sequence[str] | None
    """None: all."""
    expires_us: int | None
    """None: never."""


def key_columns(changes: KeyChange, now_us: int) -> dict[str, Any]:
    """Column → value; raises BadRequest that names the field."""
    columns: dict[str, Any] = {}
    if "name" in changes:
        columns["name"] = check_name(changes["name"], "name")
    if "active" in changes:
        columns["active"] = changes["active"]
    if "owner" in changes:
        columns["owner"] = changes["owner"]
    if "limits" in changes:
        columns["limits_json"] = json.dumps(limits_to_json(changes["limits"]))
    if "models" in changes:
        columns["models_json"] = _models_json(changes["models"])
    if "expires_us" in changes:
        columns["expires_us"] = _expiry(changes["expires_us"], now_us)
    return columns


def works(key: Key, now_us: int) -> bool:
    """Whether the key is switched on and not at its end."""
    return key.active and (key.expires_us is None or key.expires_us > now_us)


def state(key: Key, now_us: int) -> str:
    """Why a key works or does not, one of STATES."""
    if works(key, now_us):
        return "active"
    if key.replaced_by is not None:
        return "replaced"
    over = key.expires_us is not None and key.expires_us <= now_us
    return "expired" if key.active else "revoked" if over else "off"


def in_state(wanted: str, now_us: int) -> Q:
    """The same as a condition: keys in one of STATES."""
    over = Q(expires_us__isnull=False) & Q(expires_us__lte=now_us)
    works = Q(active=True) & (Q(expires_us__isnull=True) | Q(expires_us__gt=now_us))
    unreplaced = Q(replaced_by__isnull=True)
    return {
        "active": works,
        "off": unreplaced & Q(active=False) & (Q(expires_us__isnull=True) | Q(expires_us__gt=now_us)),
        "replaced": Q(replaced_by__isnull=False) & (Q(active=False) | over),
        "revoked": unreplaced & Q(active=False) & over,
        "expired": unreplaced & Q(active=True) & over,
    }[wanted]


def _models_json(models: Sequence[str] | None) -> str | None:
    if models is None:
        return None
    if not models:
        raise BadRequest("models is empty: leave it out to allow all.", param="models")
    for name in models:
        if not name or not storable(name, MODEL_NAME_MAX):
            raise BadRequest(f"models must hold names of 1 to {MODEL_NAME_MAX} characters.", param="models")
    return json.dumps(sorted(set(models)))


def _expiry(expires_us: int | None, now_us: int) -> int | None:
    if expires_us is not None and not now_us < expires_us <= now_us + EXPIRY_MAX_US:
        raise BadRequest("expires must lie in the future, within 100 years.", param="expires")
    return expires_us
