"""A user's month as the ledger has it: what was there, what came and went, what is left, to the nano.

A month holds the entries that follow, in the order of the account itself, the last one from before it. So every entry
is in one month, each month begins with what the one before ended with, and the running balance is that of the ledger.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.rollups.figures import DAY_US
from infra.store.clock import SECOND_US
from infra.store.database import Store

_SIGNED = "CASE WHEN e.credit = 'user:' || e.user_id THEN e.amount ELSE -e.amount END"
_RANGE = "e.user_id = ? AND e.seq > ? AND e.seq <= ?"


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, UTC, from its first microsecond to that of the next."""

    name: str
    since_us: int
    until_us: int

    @classmethod
    def of(cls, name: str) -> "Month":
        """Of "2026-11"; raises ValueError."""
        begin = datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC)
        end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
        return cls(begin.strftime("%Y-%m"), *(int(each.timestamp()) * SECOND_US for each in (begin, end)))


@dataclass(frozen=True, slots=True)
class Item:
    """One line: money that was moved by hand, or a day's requests to one model. Amounts have the sign that they have
    for the user; `balance` is what was there afterwards."""

    at_us: int
    kind: str
    text: str
    requests: int
    amount: int
    balance: int


@dataclass(frozen=True, slots=True)
class Statement:
    """`opening` and the amounts of `items` add up to `closing`; so do those of the entries from `after` to `last`."""

    month: Month
    opening: int
    closing: int
    items: list[Item]
    after: int
    last: int

    @property
    def totals(self) -> dict[str, int]:
        """What each kind adds up to."""
        found: dict[str, int] = {}
        for item in self.items:
            found[item.kind] = found.get(item.kind, 0) + item.amount
        return found


async def statement(store: Store, user_id: str, month: Month) -> Statement:
    """Of one month, also one that goes on still."""
    after, opening = await _before(store, user_id, month.since_us)
    last, closing = await _before(store, user_id, month.until_us)
    period = user_id, after, last
    used = await store.read(
        f"SELECT e.created_us / {DAY_US} AS day, e.reason, COUNT(*) AS n, SUM({_SIGNED}) AS amount, MAX(e.seq) AS seq"
        f" FROM entries e WHERE {_RANGE} AND e.kind = 'usage' GROUP BY e.created_us / {DAY_US}, e.reason",
        *period,
    )
    moved = await store.read(
        f"SELECT e.created_us, e.kind, e.reason, {_SIGNED} AS amount, e.seq FROM entries e"
        f" WHERE {_RANGE} AND e.kind <> 'usage'",
        *period,
    )
    return Statement(month, opening, closing, _items(opening, used, moved), after, last)


async def _before(store: Store, user_id: str, until_us: int) -> tuple[int, int]:
    """Number and balance of the account's last entry from before then.

    Entries are numbered as they are booked, so their times only rise but for seconds: the number is found in twenty
    steps of halves, always the same ones, instead of by walking through a heavy user's hundred thousand.
    """
    [user] = await store.read("SELECT seq FROM users WHERE id = ?", user_id)
    number = balance = 0
    for step in (1 << bit for bit in reversed(range(int(user["seq"]).bit_length()))):
        rows = await store.read(
            "SELECT balance_after, created_us FROM entries WHERE user_id = ? AND seq = ?", user_id, number + step
        )
        if rows and rows[0]["created_us"] < until_us:
            number, balance = number + step, int(rows[0]["balance_after"])
    return number, balance


def _items(opening: int, used: list[dict[str, Any]], moved: list[dict[str, Any]]) -> list[Item]:
    """A day's requests to a model stand at the day's end, in the order in which they ended."""
    rows = [
        ((int(row["day"]) + 1) * DAY_US - 1, int(row["seq"]), "usage", row["reason"], int(row["n"]), int(row["amount"]))
        for row in used
    ]
    rows += [
        (int(row["created_us"]), int(row["seq"]), row["kind"], row["reason"], 0, int(row["amount"])) for row in moved
    ]
    found, balance = [], opening
    for at, _, kind, text, requests, amount in sorted(rows, key=lambda row: row[:2]):
        balance += amount
        found.append(Item(at, kind, text, requests, amount, balance))
    return found


async def entries_of(store: Store, user_id: str, found: Statement) -> AsyncIterator[list[dict[str, Any]]]:
    """Every single entry of a statement, in the order of the account, some hundred at a time."""
    sql = (
        f"SELECT e.seq, e.created_us, e.kind, e.reason, e.request_id, {_SIGNED} AS amount, e.balance_after"
        f" FROM entries e WHERE {_RANGE} ORDER BY e.seq"
    )
    async for page in store.pages(sql, user_id, found.after, found.last):
        yield page
