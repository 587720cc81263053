"""How fast answers come: time to the first token and tokens per second of streams, as histograms that can be added.

A mark is a value rounded down to one of sixteen steps of each power of two: what is read from it is within about 3 %.
Times are milliseconds from the arrival, waiting included; rates are thousandths of a token per second after the first.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from infra.rollups.figures import DAY_US, ENDED
from infra.store.database import Store

Marks = dict[int, int]
"""Mark → how many."""

EXACT_BELOW, STEPS, TOP = 32, 16, 1 << 31
_FIRST = "(r.first_byte_us - r.created_us) / 1000"
_RATE = "(r.output_tokens - 1) * 1000000000 / (r.finished_us - r.first_byte_us)"
_STREAMED = f"{ENDED} AND r.stream AND r.first_byte_us > r.created_us"
_RATED = f"{_STREAMED} AND r.output_tokens > 1 AND r.finished_us > r.first_byte_us"


def _mark(value: str) -> str:
    """The SQL of a mark: whole numbers only, the same on both databases."""
    cases, top, step = [f"WHEN {value} < {EXACT_BELOW} THEN {value}"], EXACT_BELOW * 2, 2
    while top <= TOP:
        cases.append(f"WHEN {value} < {top} THEN {value} / {step} * {step}")
        top, step = top * 2, step * 2
    return f"CASE {' '.join(cases)} ELSE {TOP} END"


def sql(what: str, by: Mapping[str, str], period: str) -> str:
    """Counts by `by` (names of what is said of `requests r`) and mark over a period; `what`: first or rate."""
    value, streamed = (_FIRST, _STREAMED) if what == "first" else (_RATE, _RATED)
    said = "".join(f"{column} AS {name}, " for name, column in by.items())
    inner = f"SELECT {said}{value} AS v FROM requests r WHERE {period} AND {streamed}"
    names = "".join(f"{name}, " for name in by)
    return f"SELECT {names}{_mark('v')} AS mark, COUNT(*) AS n FROM ({inner}) AS v GROUP BY {names}{_mark('v')}"


def percentile(marks: Mapping[int, int], share: float) -> float | None:
    """The value that `share` of all do not exceed (nearest rank), as the middle of its mark; None of nothing."""
    total = sum(marks.values())
    rank, seen = max(1, -(-total * round(share * 1000) // 1000)), 0
    for mark in sorted(marks):
        seen += marks[mark]
        if total and seen >= rank:
            return float(mark) if mark < EXACT_BELOW else mark + (1 << (mark.bit_length() - 5)) / 2
    return None


def read_marks(text: str) -> Marks:
    """A stored histogram."""
    return msgspec.json.decode(text, type=dict[int, int])


def write_marks(marks: Mapping[int, int]) -> str:
    """The same to be stored."""
    return msgspec.json.encode(dict(marks)).decode()


def merged(many: Iterable[Mapping[int, int]]) -> Marks:
    """All of them as one."""
    found: Marks = {}
    for marks in many:
        for mark, count in marks.items():
            found[mark] = found.get(mark, 0) + count
    return found


async def over(store: Store, since_us: int, until_us: int) -> tuple[Marks, Marks]:
    """First tokens and rates of all streams in `since_us` ≤ arrival < `until_us`: whole days from the sums, the rest
    from the log. A roller that works meanwhile may make a few count twice; these are no sums of money."""
    state = await store.read("SELECT rolled_until_us FROM rollup_state")
    until_rolled = int(state[0]["rolled_until_us"]) if state else 0
    first, last = -(-since_us // DAY_US), until_us // DAY_US
    if until_rolled <= until_us:
        last, rest = max(first, -(-until_rolled // DAY_US)), max(first * DAY_US, until_rolled)
    else:
        rest = last * DAY_US
    days = await store.read(
        "SELECT first_json, rate_json FROM speed_days WHERE day >= ? AND day < ? AND model <> ''", first, last
    )
    pieces = [(since_us, min(first * DAY_US, until_us)), (max(rest, since_us), until_us)]
    found: list[Marks] = []
    for what in ("first", "rate"):
        stored = [read_marks(row[f"{what}_json"]) for row in days]
        logged = [await _logged(store, what, since, until) for since, until in pieces if since < until]
        found.append(merged([*stored, *logged]))
    return found[0], found[1]


async def _logged(store: Store, what: str, since_us: int, until_us: int) -> Marks:
    statement = sql(what, {}, "r.created_us >= ? AND r.created_us < ?")
    rows = await store.read(statement, since_us, until_us)
    return {int(row["mark"]): int(row["n"]) for row in rows}


def shown(marks: tuple[Marks, Marks]) -> dict[str, Any]:
    """For JSON: p50 and p95, null where nothing streamed."""
    first, rate = marks
    return {
        "ttft_ms": {name: _rounded(percentile(first, share), 1, 0) for name, share in _SHARES.items()},
        # Slow is bad here: the 95th of a hundred is one that five are slower than.
        "tokens_per_second": {name: _rounded(percentile(rate, 1 - share), 1000, 1) for name, share in _SHARES.items()},
    }


_SHARES = {"p50": 0.5, "p95": 0.95}


def _rounded(value: float | None, divisor: int, digits: int) -> float | int | None:
    if value is None:
        return None
    return round(value / divisor, digits) if digits else round(value / divisor)
