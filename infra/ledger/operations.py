"""What can be asked of the books, and what comes back. Amounts are nano-units, times microseconds since 1970."""

from dataclasses import dataclass
from typing import Literal

from infra.ledger.books import RequestRow


@dataclass(frozen=True, slots=True)
class OpenUser:
    """Creates a user with a first balance."""

    user_id: str
    name: str
    balance: int
    weight: int
    limits_json: str
    actor: str
    address: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Reserves money for `draft`: `want`, or what is there down to `least` (spend to zero)."""

    draft: RequestRow
    want: int
    least: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A checkpoint of a running request: what it would cost if it ended here."""

    request_id: str
    cost: int
    units_json: str
    input_tokens: int
    output_tokens: int
    first_byte_us: int | None
    price_id: str | None = None
    """Of the model that serves, where that is not the one that was held for."""
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Ends a request with a bill. `final` is its row as it shall be kept; money columns are the books' own."""

    final: RequestRow
    amount: int


@dataclass(frozen=True, slots=True)
class Void:
    """Ends a request without a bill, or journals one that was refused before its hold."""

    final: RequestRow


@dataclass(frozen=True, slots=True)
class Recover:
    """Resolves the open request of a dead process: bills its last checkpoint, or voids it where there is none."""

    request_id: str
    user_id: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Post:
    """Moves money by the owner's hand. `amount` has a sign: what the user gains or loses."""

    entry_id: str
    kind: Literal["topup", "refund", "adjustment"]
    user_id: str
    amount: int
    request_id: str | None
    actor: str
    address: str
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Renew:
    """Prolongs the lease of a process on its holds; written by the database's clock where it has one."""

    instance: str
    url: str | None
    started_us: int


Operation = OpenUser | Hold | Progress | Settle | Void | Recover | Post | Renew
DURABLE = (OpenUser, Settle, Recover, Post)
"""What must be on the disk before anybody is told (docs/ledger.md, What must reach the disk)."""


@dataclass(frozen=True, slots=True)
class Held:
    """The hold stands: `amount` of what was wanted; `limited` where it is less."""

    amount: int
    limited: bool


@dataclass(frozen=True, slots=True)
class Billed:
    """How a request ended; a second end returns the first's."""

    state: Literal["SETTLED", "VOID"]
    charged: int
    shortfall: int
    balance: int


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry that was written, now or at the first try."""

    entry_id: str
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The user exists now."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to tell."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The books say no; `free` and `held` are the account's, for the sentence that the caller reads."""

    why: Literal[
        "no_account",
        "inactive",
        "too_low",
        "on_hold",
        "exists",
        "no_request",
        "over_original",
        "over_limit",
        "open",
        "mismatch",
    ]
    free: int = 0
    held: int = 0


Result = Held | Billed | Posted | Opened | Done | Refused
