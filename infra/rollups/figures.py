"""What a group of requests adds up to. Amounts are nano-units, summed by the database as integers, never as floats."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from infra.store.clock import SECOND_US
from infra.units import DAYS, HOURS

HOUR_US = HOURS * SECOND_US
DAY_US = DAYS * SECOND_US

ENDED = "r.state IN ('SETTLED', 'VOID')"
"""What runs still is no figure yet."""
SUMS = (
    "COUNT(*) AS requests,"
    # 499: the client left, which is no error of anybody's here.
    " COALESCE(SUM(CASE WHEN r.status >= 400 AND r.status <> 499 THEN 1 ELSE 0 END), 0) AS errors,"
    " COALESCE(SUM(r.charged - r.refunded), 0) AS revenue,"
    " COALESCE(SUM(r.input_tokens), 0) AS input_tokens, COALESCE(SUM(r.output_tokens), 0) AS output_tokens"
)
"""Over `requests r`; the columns of the tables of sums."""
COLUMNS = ("requests", "errors", "revenue", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Figures:
    """Revenue is what was charged less what was refunded, in nano-units; errors are statuses from 400, but 499."""

    requests: int = 0
    revenue_nano: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Figures":
        """A row of sums; PostgreSQL's SUM of BIGINT is a NUMERIC."""
        requests, errors, revenue, sent, got = (int(row[name]) for name in COLUMNS)
        return cls(requests, revenue, errors, sent, got)


def added(groups: Iterable[Figures]) -> Figures:
    """The sum of all."""
    found = list(groups)
    return Figures(*(sum(getattr(each, field.name) for each in found) for field in fields(Figures)))
