"""Proves the balances from the ledger (docs/ledger.md, Audit). It only reads: a repair is an adjustment by a person."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from infra.metering.price import PriceList, Units, cost_nano
from infra.store.database import Store
from infra.units import show_money


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    rule: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was checked and what was found; clean when `findings` is empty. Amounts are nano-units."""

    users: int
    entries: int
    requests: int
    repriced: int
    balance_total: int
    held_total: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether everything adds up."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check has come."""

    done: int
    """Rows that were read; a row that several rules read counts as often."""
    total: int
    """Rows that all rules read together."""
    rule: str
    """The one that is being checked."""


_SIGNED = "CASE WHEN credit = 'user:' || user_id THEN amount ELSE -amount END"
_WALK = "user_id || ''"
"""A user, such that the table is read once from its beginning to its end: by the index of users and numbers SQLite
would fetch each row of a million from another place."""
_PRUNED = (
    "SELECT p.user_id AS subject, COALESCE(e.amount, 0) AS is_, p.{sum} AS should FROM (SELECT user_id,"
    " SUM({sum}) AS {sum}, SUM(bills) AS bills FROM pruned_days GROUP BY user_id) AS p LEFT JOIN (SELECT e.user_id,"
    " SUM(e.amount) AS amount, COUNT(*) AS n FROM entries e LEFT JOIN requests r ON r.id = e.request_id"
    " WHERE e.kind = '{kind}' AND r.id IS NULL GROUP BY e.user_id) AS e ON e.user_id = p.user_id"
    " WHERE COALESCE(e.amount, 0) <> p.{sum} {also}"
)
"""By user: what each entry belonged to is gone, what they must add up to was noted in the same transaction."""

_CHECKS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "balance = sum of entries",
        "SELECT u.id AS subject, u.balance AS is_, COALESCE(e.total, 0) AS should FROM users u LEFT JOIN"
        f" (SELECT user_id, SUM({_SIGNED}) AS total FROM entries GROUP BY {_WALK}, user_id) AS e ON e.user_id = u.id"
        " WHERE u.balance <> COALESCE(e.total, 0)",
        "the balance is {is_}, its entries add up to {should}",
        ("users", "entries"),
    ),
    (
        "held = sum of open holds",
        "SELECT u.id AS subject, u.held AS is_, COALESCE(SUM(r.held), 0) AS should FROM users u LEFT JOIN requests r"
        " ON r.user_id = u.id AND r.state IN ('HELD', 'STREAMING') GROUP BY u.id, u.held"
        " HAVING u.held <> COALESCE(SUM(r.held), 0)",
        "{is_} is held, the open requests hold {should}",
        ("users",),
    ),
    (
        "entries are numbered without a gap",
        "SELECT u.id AS subject, u.seq AS is_, COALESCE(e.n, 0) AS should FROM users u LEFT JOIN"
        f" (SELECT user_id, COUNT(*) AS n, MAX(seq) AS last FROM entries GROUP BY {_WALK}, user_id) AS e"
        " ON e.user_id = u.id WHERE u.seq <> COALESCE(e.n, 0) OR u.seq <> COALESCE(e.last, 0)",
        "the account counts {steps} entries, {rows} exist or their numbers have a gap",
        ("users", "entries"),
    ),
    (
        "balance_after is exact",
        "SELECT subject, is_, should FROM (SELECT id AS subject, balance_after AS is_,"
        f" SUM({_SIGNED}) OVER (PARTITION BY {_WALK} ORDER BY seq) AS should FROM entries) AS run WHERE is_ <> should",
        "the entry says {is_} afterwards, the entries up to it add up to {should}",
        ("entries",),
    ),
    (
        "every charge has its entry",
        "SELECT r.id AS subject, r.charged AS is_, COALESCE(SUM(e.amount), 0) AS should FROM requests r LEFT JOIN"
        " entries e ON e.request_id = r.id AND e.kind = 'usage' GROUP BY r.id, r.charged, r.state"
        " HAVING r.charged <> COALESCE(SUM(e.amount), 0) OR COUNT(e.id) > 1"
        " OR (r.state <> 'SETTLED' AND COUNT(e.id) > 0)",
        "the request was charged {is_}, its entries say {should}",
        ("requests", "entries"),
    ),
    (
        "every usage entry has its request",
        "SELECT e.id AS subject, e.amount AS is_, 0 AS should FROM entries e LEFT JOIN requests r ON r.id ="
        " e.request_id WHERE e.kind = 'usage' AND r.id IS NULL"
        " AND e.user_id NOT IN (SELECT user_id FROM pruned_days)",
        "an entry of {is_} belongs to no request",
        ("entries", "requests"),
    ),
    (
        "entries without a request are those of the pruned ones",
        _PRUNED.format(kind="usage", sum="charged", also="OR COALESCE(e.n, 0) <> p.bills"),
        "entries of {is_} belong to no request, those that were pruned were charged {should}",
        ("entries",),
    ),
    (
        "refunds without a request are those of the pruned ones",
        _PRUNED.format(kind="refund", sum="refunded", also=""),
        "refunds of {is_} belong to no request, those that were pruned were refunded {should}",
        ("entries",),
    ),
    (
        "refunds match their request",
        "SELECT r.id AS subject, r.refunded AS is_, COALESCE(SUM(e.amount), 0) AS should FROM requests r LEFT JOIN"
        " entries e ON e.request_id = r.id AND e.kind = 'refund' GROUP BY r.id, r.refunded"
        " HAVING r.refunded <> COALESCE(SUM(e.amount), 0)",
        "{is_} is noted as refunded, the entries say {should}",
        ("requests", "entries"),
    ),
    (
        "debit and credit are one user's and one of ours",
        "SELECT id AS subject, amount AS is_, 0 AS should FROM entries WHERE (debit LIKE 'user:%') ="
        " (credit LIKE 'user:%')",
        "an entry of {is_} does not move between a user and the house",
        ("entries",),
    ),
)
"""Rule, SQL, words, and the tables that are read for it. Each is one statement: of one moment, whatever is booked
meanwhile."""
_BILLS = "units x price = amount"
_COUNTS = (
    "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM entries) AS entries,"
    " (SELECT COUNT(*) FROM requests) AS requests, (SELECT COALESCE(SUM(balance), 0) FROM users) AS balance,"
    " (SELECT COALESCE(SUM(held), 0) FROM users) AS held"
)


async def audit(
    store: Store, *, reprice: bool = False, say: Callable[[Progress], object] = lambda _: None
) -> AuditReport:
    """Runs every check; with `reprice` also recomputes each settled request's amount from units × price version.
    `say` is told how far it is."""
    findings = list[Finding]()
    [before] = await store.read(_COUNTS)
    total = sum(int(before[table]) for *_, tables in _CHECKS for table in tables)
    total += int(before["requests"]) if reprice else 0
    done = 0
    for rule, sql, text, tables in _CHECKS:
        say(Progress(done, total, rule))
        for row in await store.read(sql):
            findings.append(Finding(rule, str(row["subject"]), _text(text, int(row["is_"]), int(row["should"]))))
        done += sum(int(before[table]) for table in tables)
    findings += await _orphans(store)
    repriced = 0
    if reprice:
        repriced, wrong = await _reprice(store, lambda bills: say(Progress(min(done + bills, total), total, _BILLS)))
        findings += wrong
    [counts] = await store.read(_COUNTS)
    return AuditReport(
        users=int(counts["users"]),
        entries=int(counts["entries"]),
        requests=int(counts["requests"]),
        repriced=repriced,
        balance_total=int(counts["balance"]),
        held_total=int(counts["held"]),
        findings=tuple(findings),
    )


def _text(text: str, found: int, should: int) -> str:
    return text.format(is_=show_money(found), should=show_money(should), steps=found, rows=should)


async def _orphans(store: Store) -> list[Finding]:
    """Open requests whose process has been dead for longer than the 20 s in which somebody must have resolved them."""
    now = "(extract(epoch FROM clock_timestamp()) * 1000000)"
    if store.dialect == "sqlite":
        now = "(CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))"
    rows = await store.read(
        "SELECT r.id FROM requests r LEFT JOIN instances i ON i.id = r.instance WHERE r.state IN ('HELD', 'STREAMING')"
        f" AND COALESCE(i.lease_until_us, 0) < {now} - 20000000"
    )
    return [Finding("no open request of a dead process", row["id"], "its process is gone") for row in rows]


async def _reprice(store: Store, say: Callable[[int], object]) -> tuple[int, list[Finding]]:
    prices = {
        row["id"]: PriceList.of(msgspec.json.decode(row["price_json"]))
        for row in await store.read("SELECT id, price_json FROM price_versions")
    }
    checked, findings = 0, list[Finding]()
    # In the order in which they lie on the disk: by their ids each of a million would be fetched from another place.
    async for rows in store.pages(
        "SELECT id, price_id, price_factor_ppm, units_json, charged, shortfall FROM requests WHERE state = 'SETTLED'"
    ):
        say(checked)
        checked += len(rows)
        findings += await asyncio.to_thread(_off, rows, prices)  # what is served meanwhile must not wait for it
    return checked, findings


def _off(rows: list[dict[str, object]], prices: dict[str, PriceList]) -> list[Finding]:
    return list(_wrong(rows, prices))


def _wrong(rows: list[dict[str, object]], prices: dict[str, PriceList]) -> Iterator[Finding]:
    for row in rows:
        price = prices.get(str(row["price_id"]))
        if price is None:
            yield Finding(_BILLS, str(row["id"]), f"its price version {row['price_id']} is gone")
            continue
        factor = int(str(row["price_factor_ppm"]))
        should = cost_nano(price, Units(**msgspec.json.decode(str(row["units_json"]))), factor)
        found = int(str(row["charged"])) + int(str(row["shortfall"]))
        if found != should:
            text = f"{show_money(found)} was billed, units times price is {show_money(should)}"
            yield Finding(_BILLS, str(row["id"]), text)
