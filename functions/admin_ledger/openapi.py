"""What entries and the proof of the books look like."""

from typing import Literal

from functions.admin_ledger.schema import NewAdjustment, NewRefund, NewTopUp
from infra.openapi.operation import EVENT_STREAM, PAGE, USER, Operation, choice
from infra.openapi.shapes import Money, Nano, Shape, Time

Kind = Literal["usage", "topup", "refund", "adjustment"]


class Entry(Shape):
    """One transfer; the amount has the sign that it has for the user."""

    id: str
    kind: Kind
    user_id: str
    username: str
    seq: int
    debit: str
    credit: str
    request_id: str | None
    actor: str
    reason: str
    amount: Money
    amount_nano: Nano
    balance_after: Money
    balance_after_nano: Nano
    created_at: Time


class Moved(Shape):
    """What was booked, and the balance after it."""

    entry_id: str
    kind: Kind
    user_id: str
    username: str
    request_id: str | None
    amount: Money
    amount_nano: Nano
    balance: Money
    balance_nano: Nano
    created_at: Time


class Finding(Shape):
    """One thing that does not add up."""

    rule: str
    subject: str
    text: str


class Proof(Shape):
    """The audit's report; clean where there are no findings."""

    clean: bool
    users: int
    entries: int
    requests: int
    repriced: int
    balance_total: Money
    balance_total_nano: Nano
    held_total: Money
    held_total_nano: Nano
    findings: list[Finding]


REPRICE = choice("Also computes every bill anew.", "1", "true", "0", "false")
PROGRESS = choice(
    "Answers with events: `progress`, as often as there is any, then `report`.", "1", "true", "0", "false"
)
MOVED = {"answer": Moved, "moves_money": True, "errors": (404, 409, 422, 503)}

OPERATIONS = {
    "GET /admin/ledger": Operation(answer=Entry, listed=True, query={"user": USER, **PAGE}, errors=(404,)),
    "POST /admin/ledger/topups": Operation(body=NewTopUp, **MOVED),  # type: ignore[arg-type]
    "POST /admin/ledger/adjustments": Operation(body=NewAdjustment, **MOVED),  # type: ignore[arg-type]
    "POST /admin/ledger/refunds": Operation(body=NewRefund, **MOVED),  # type: ignore[arg-type]
    "GET /admin/ledger/audit": Operation(
        answer=Proof, media=(EVENT_STREAM,), query={"reprice": REPRICE, "progress": PROGRESS}
    ),
}
