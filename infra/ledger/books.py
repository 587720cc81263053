"""The rows that the money core works on, in memory for the length of one batch."""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal

State = Literal["HELD", "STREAMING", "SETTLED", "VOID"]
OPEN: tuple[State, ...] = ("HELD", "STREAMING")


@dataclass(slots=True)
class Account:
    """The money of one user, in nano-units; `held` is a part of `balance`."""

    id: str
    name: str
    balance: int = 0
    held: int = 0
    seq: int = 0
    active: bool = True
    weight: int = 1
    limits_json: str = "{}"
    created_us: int = 0

    @property
    def free(self) -> int:
        """What may be held or spent now."""
        return self.balance - self.held


@dataclass(slots=True)
class RequestRow:
    """One request as it is kept: hold, bill and log line. The fields are the columns, in their order."""

    id: str
    state: State
    instance: str
    user_id: str
    key_id: str
    endpoint: str
    model: str
    created_us: int
    backend: str | None = None
    upstream: str | None = None
    price_id: str | None = None
    tier: str = "default"
    price_factor_ppm: int = 1_000_000
    stream: bool = False
    held: int = 0
    charged: int = 0
    shortfall: int = 0
    refunded: int = 0
    progress: int = 0
    basis: str | None = None
    units_json: str = "{}"
    input_tokens: int = 0
    output_tokens: int = 0
    status: int | None = None
    error_code: str | None = None
    error: str | None = None
    held_us: int | None = None
    first_byte_us: int | None = None
    finished_us: int | None = None
    served_model: str | None = None
    """Where another model served than the one that was asked for; `price_id` is the served one's."""

    def changed(self, **changes: Any) -> "RequestRow":
        """A copy with other values: what dataclasses.replace does, without its loop over all fields."""
        found = RequestRow(*values(self))
        for name, value in changes.items():
            setattr(found, name, value)
        return found

    def storable(self) -> "RequestRow":
        """Its error may be a backend's words, its model a caller's: what no database or file takes must not cost the
        bill."""
        error, model = self.error and _text(self.error), _text(self.model)
        return self if (error, model) == (self.error, self.model) else self.changed(error=error, model=model)


def _text(said: str) -> str:
    return said.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One transfer; the fields are the columns, in their order."""

    id: str
    kind: Literal["usage", "topup", "refund", "adjustment"]
    debit: str
    credit: str
    amount: int
    user_id: str
    seq: int
    balance_after: int
    request_id: str | None
    actor: str
    reason: str
    created_us: int


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who changed money, written with the change; the fields are the columns, in their order."""

    id: str
    at_us: int
    actor: str
    address: str
    action: str
    target: str
    before_json: str | None
    after_json: str | None


@dataclass(slots=True)
class Books:
    """What a batch has read and changed: the vault loads it, `core.apply` changes it, the vault stores it."""

    accounts: dict[str, Account] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    """User names that exist, of those that the batch wants to create."""
    requests: dict[str, RequestRow] = field(default_factory=dict)
    entries: dict[str, EntryRow] = field(default_factory=dict)
    """Entries that exist already, of the ids that the batch would write."""
    new_accounts: dict[str, Account] = field(default_factory=dict)
    touched_accounts: set[str] = field(default_factory=set)
    touched_requests: set[str] = field(default_factory=set)
    new_entries: list[EntryRow] = field(default_factory=list)
    audits: list[AuditRow] = field(default_factory=list)


def columns(row_type: type[Any]) -> tuple[str, ...]:
    """The columns of a row type, in the order of its fields."""
    return tuple(field.name for field in fields(row_type))


_GETTERS: dict[Any, Any] = {}


def values(row: Any) -> tuple[Any, ...]:
    """The values of a row in the order of `columns`."""
    row_type = type(row)
    getter = _GETTERS.get(row_type)
    if getter is None:
        getter = _GETTERS[row_type] = attrgetter(*columns(row_type))
    found: tuple[Any, ...] = getter(row)
    return found
