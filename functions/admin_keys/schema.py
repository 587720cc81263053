"""What the owner says of a key, and how a key is shown."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from infra.config.faults import did_you_mean
from infra.config.objects import Limits
from infra.errors import BadRequest
from infra.identity.key_columns import KeyChange, state, works
from infra.limits.wire import limits_from_json, limits_to_json
from infra.store.clock import SECOND_US, now_us
from infra.store.models import Key, User
from infra.units import DAYS, duration

FOREVER_SECONDS = 366_000 * DAYS
"""More than any rule allows; the identity room refuses it with its own sentence."""


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/keys/{id}/rotate."""

    grace: str = "0s"
    """How long the old key still works."""


class Properties(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a new key and a changed one have in common: what is left out stays, or is unlimited."""

    name: str | UnsetType = UNSET
    owner: bool | UnsetType = UNSET
    rate_limit: str | UnsetType | None = UNSET
    """`limits.requests` alone; the other limits stay."""
    limits: dict[str, Any] | UnsetType | None = UNSET
    models: list[str] | UnsetType | None = UNSET
    expires: str | UnsetType | None = UNSET
    """From now on: "90d"."""


class NewKey(Properties, forbid_unknown_fields=True, kw_only=True):
    """POST /admin/keys."""

    username: str


class ChangedKey(Properties, forbid_unknown_fields=True, kw_only=True):
    """PATCH /admin/keys/{id}."""

    active: bool | UnsetType = UNSET


def properties(wanted: Properties, limits: dict[str, Any], models: Iterable[str], now_us: int) -> KeyChange:
    """What was said of a key that has `limits` now; raises BadRequest, also for a model that is not in `models`."""
    found: KeyChange = {}
    if wanted.name is not UNSET:
        found["name"] = wanted.name
    if wanted.owner is not UNSET:
        found["owner"] = wanted.owner
    if wanted.limits is not UNSET or wanted.rate_limit is not UNSET:
        found["limits"] = _limits(wanted, limits)
    if wanted.models is not UNSET:
        found["models"] = _known(wanted.models, list(models))
    if wanted.expires is not UNSET:
        found["expires_us"] = _expiry(wanted.expires, now_us)
    if isinstance(wanted, ChangedKey) and wanted.active is not UNSET:
        found["active"] = wanted.active
    return found


def seconds(text: str, param: str) -> float:
    """A duration as it is written, "90d"; raises BadRequest."""
    try:
        return min(duration(text), FOREVER_SECONDS)
    except ValueError:
        raise BadRequest(
            f'{param}: {text[:40]!r} is not a duration: write it as "90d" or "12h".', param=param
        ) from None


def _limits(wanted: Properties, before: dict[str, Any]) -> Limits:
    value, param = before if wanted.limits is UNSET else wanted.limits, "limits"
    if wanted.rate_limit is not UNSET:
        param = "rate_limit"
        if wanted.limits is not UNSET and "requests" in (value or {}):
            raise BadRequest("rate_limit and limits.requests are the same: send one of them.", param=param)
        value = {**(value or {}), "requests": wanted.rate_limit}
    try:
        return limits_from_json(value)
    except ValueError as error:
        raise BadRequest(f"{param}: {error}.", param=param) from None


def _known(names: Sequence[str] | None, models: Sequence[str]) -> Sequence[str] | None:
    for name in names or ():
        if name not in models:
            raise BadRequest(f"There is no model {name[:200]!r}{did_you_mean(name, models)}.", param="models")
    return names


def _expiry(text: str | None, now_us: int) -> int | None:
    return None if text is None else now_us + int(seconds(text, "expires") * SECOND_US)


def _at(time_us: int | None) -> int | None:
    return None if time_us is None else time_us // SECOND_US


def view(key: Key, username: str) -> dict[str, Any]:
    """A key as the admin API shows one; never the key itself."""
    return {
        "id": key.id,
        "name": key.name,
        "username": username,
        "user_id": key.user_id,
        "key_prefix": key.prefix,
        "active": works(key, now_us()),
        "state": state(key, now_us()),
        "owner": key.owner,
        "limits": limits_to_json(limits_from_json(json.loads(key.limits_json))),
        "models": None if key.models_json is None else json.loads(key.models_json),
        "expires_at": _at(key.expires_us),
        "created_at": _at(key.created_us),
        "last_used_at": _at(key.last_used_us),
        "replaced_by": key.replaced_by,
    }


async def owned(key: Key) -> dict[str, Any]:
    """A key with the name of its user."""
    return view(key, (await User.get(id=key.user_id)).name)
