"""Which month, and its statement as JSON and CSV."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from infra.errors import BadRequest
from infra.journal import views
from infra.journal.files import Amount, moment, table
from infra.journal.statement import Month, Statement, entries_of
from infra.runtime.call import Call
from infra.store.models import User
from infra.units import show_money

FORMATS = ("json", "csv", "html")


def month(text: str | None) -> Month:
    """The one that was named, else this one; raises BadRequest."""
    try:
        return Month.of(text or datetime.now(UTC).strftime("%Y-%m"))
    except ValueError:
        raise BadRequest(f"month must be written as 2026-11, found {(text or '')[:40]!r}.", param="month") from None


def as_json(user: User, found: Statement, currency: str) -> dict[str, Any]:
    """`opening` and the amounts of `items` add up to `closing`."""
    return {
        "object": "statement",
        "user_id": user.id,
        "username": user.name,
        "month": found.month.name,
        "currency": currency,
        "from": moment(found.month.since_us),
        "to": moment(found.month.until_us),
        **views.money("opening", found.opening),
        **views.money("closing", found.closing),
        "totals": {kind: views.money("amount", amount) for kind, amount in sorted(found.totals.items())},
        "entries": found.last - found.after,
        "items": [
            {
                "at": views.seconds(item.at_us),
                "kind": item.kind,
                "text": item.text,
                "requests": item.requests,
                **views.money("amount", item.amount),
                **views.money("balance", item.balance),
            }
            for item in found.items
        ],
    }


async def as_csv(call: Call, user: User, found: Statement) -> AsyncIterator[bytes]:
    """Every entry between the opening and the closing balance."""
    begin, end = moment(found.month.since_us), moment(found.month.until_us)
    yield table([("number", "at", "kind", "text", "request", "amount", "balance")])
    yield table([("", begin, "opening", user.name, "", "", _money(found.opening))])
    async for page in entries_of(call.gateway.store, user.id, found):
        yield table(
            (
                row["seq"], moment(row["created_us"]), row["kind"], row["reason"], row["request_id"],
                _money(row["amount"]), _money(row["balance_after"]),
            )
            for row in page
        )  # fmt: skip
    yield table([("", end, "closing", user.name, "", "", _money(found.closing))])


def _money(nano: int) -> Amount:
    return Amount(show_money(int(nano)))
