"""What another price would have meant on requests that are in the log, exactly: the database bills each anew from its
units, with its own rounding and its own service tier's factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.metering.price import PriceList, Units, price_of
from infra.store.database import Store
from infra.units import MILLION

_PARTS = {"input": "cached", "output": "reasoning"}


@dataclass(frozen=True, slots=True)
class Preview:
    """Settled requests, what they were charged and would have been, in nano-units."""

    requests: int
    charged_nano: int
    would_be_nano: int
    input_tokens: int
    output_tokens: int


class TooDear(Exception):
    """A price at which a request costs more than can be counted."""


async def preview(
    store: Store, model: str, prices: PriceList, since_us: int, endpoint: str | None, not_at: Sequence[str]
) -> Preview:
    """`endpoint`: only there; else everywhere but `not_at`, which have a price of their own. Raises TooDear."""
    where, values = "r.state = 'SETTLED' AND r.model = ? AND r.created_us >= ?", [model, since_us]
    for name in [endpoint] if endpoint is not None else not_at:
        where += " AND r.endpoint = ?" if endpoint is not None else " AND r.endpoint <> ?"
        values.append(name)
    # ceil(t × p / 10¹²) in whole numbers that fit 64 bits: t split at a million, then what that gives once more.
    billed = "a / 1000000 + (a % 1000000 * 1000000 + rest + 999999999999) / 1000000000000"
    split = "t / 1000000 * p AS a, t % 1000000 * p AS rest"
    inner = (
        f"SELECT {_total(store.dialect, prices)} AS t, r.price_factor_ppm AS p, r.charged AS charged,"
        f" r.input_tokens AS sent, r.output_tokens AS got FROM requests r WHERE {where}"
    )
    try:
        [row] = await store.read(
            f"SELECT COUNT(*) AS n, COALESCE(SUM(charged), 0) AS charged, COALESCE(SUM({billed}), 0) AS would_be,"
            " COALESCE(SUM(sent), 0) AS sent, COALESCE(SUM(got), 0) AS got"
            f" FROM (SELECT {split}, charged, sent, got FROM ({inner}) AS x) AS y",
            *values,
        )
    except Exception as error:
        if "out of range" in str(error) or "overflow" in str(error):
            raise TooDear from None
        raise
    if isinstance(row["would_be"], float):  # SQLite leaves whole numbers where they no longer fit
        raise TooDear
    return Preview(int(row["n"]), *(int(row[name]) for name in ("charged", "would_be", "sent", "got")))


def _total(dialect: str, prices: PriceList) -> str:
    """Units × prices of a row, as `Units.lines` counts them."""

    def unit(meter: str) -> str:
        if dialect == "sqlite":
            return f"COALESCE(json_extract(r.units_json, '$.{meter}'), 0)"
        return f"COALESCE((r.units_json::json->>'{meter}')::bigint, 0)"

    found = []
    for meter in Units.__dataclass_fields__:
        count = f"({unit(meter)} - {unit(_PARTS[meter])})" if meter in _PARTS else unit(meter)
        if price := price_of(prices, meter):
            found.append(f"{count} * {price}")
    return f"({' + '.join(found)})" if found else f"CAST(0 * {MILLION} AS BIGINT)"
