"""What the owner says of a user, and how a user is shown."""

import json
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from infra.config.objects import Limits
from infra.errors import BadRequest
from infra.identity.users import UserChange
from infra.journal.people import Habit
from infra.limits.wire import limits_from_json, limits_to_json
from infra.store.clock import SECOND_US
from infra.store.models import User
from infra.units import Written, money, money_decimal


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/users."""

    username: str
    balance: Written = 0
    """In the gateway's currency; a JSON number or text."""
    weight: int = 1
    limits: dict[str, Any] | None = None


class ChangedUser(msgspec.Struct, forbid_unknown_fields=True):
    """PATCH /admin/users/{id}: what is left out stays."""

    active: bool | UnsetType = UNSET
    weight: int | UnsetType = UNSET
    limits: dict[str, Any] | UnsetType | None = UNSET


def balance_nano(wanted: NewUser) -> int:
    """The first balance in nano-units; raises BadRequest."""
    try:
        return money(wanted.balance)
    except ValueError as error:
        raise BadRequest(f"balance: {error}.", param="balance") from None


def limits(value: dict[str, Any] | None) -> Limits:
    """Raises BadRequest."""
    try:
        return limits_from_json(value)
    except ValueError as error:
        raise BadRequest(f"limits: {error}.", param="limits") from None


def limits_json(value: dict[str, Any] | None) -> str:
    """Checked limits as their column holds them; raises BadRequest."""
    return json.dumps(limits_to_json(limits(value)))


def changes(wanted: ChangedUser) -> UserChange:
    """What is to be changed; raises BadRequest."""
    found: UserChange = {}
    if wanted.active is not UNSET:
        found["active"] = wanted.active
    if wanted.weight is not UNSET:
        found["weight"] = wanted.weight
    if wanted.limits is not UNSET:
        found["limits"] = limits(wanted.limits)
    return found


def settings(user: User) -> dict[str, Any]:
    """What PATCH may change."""
    limits = limits_to_json(limits_from_json(json.loads(user.limits_json)))
    return {"active": user.active, "weight": user.weight, "limits": limits}


def view(user: User, keys: int, habit: Habit) -> dict[str, Any]:
    """A user as the admin API shows one; `keys` are those that are switched on."""
    return {
        "id": user.id,
        "username": user.name,
        "balance": money_decimal(user.balance),
        "balance_nano": user.balance,
        "held": money_decimal(user.held),
        "held_nano": user.held,
        "spent": money_decimal(habit.spent),
        "spent_nano": habit.spent,
        **settings(user),
        "keys": keys,
        "last_used_at": None if habit.last_used_us is None else habit.last_used_us // SECOND_US,
        "created_at": user.created_us // SECOND_US,
    }
