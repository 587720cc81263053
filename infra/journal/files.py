"""Rows as files: CSV for spreadsheets, JSON lines for programs."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from infra.journal import views
from infra.journal.line import Line
from infra.metering.price import Units
from infra.runtime.replies import encode
from infra.store.clock import SECOND_US
from infra.units import show_factor, show_money

_COMMANDS = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    *("id", "created_at", "finished_at", "username", "key_name", "model", "endpoint", "backend", "stream", "state"),
    *("status", "basis", "input_tokens", "output_tokens", "charged", "refunded", "first_byte_ms", "duration_ms"),
    *("error_code", "error", "cached_tokens", "reasoning_tokens", "images", "seconds", "characters"),
    *("price_id", "tier", "price_factor", "shortfall"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A form of file, and how pages of requests become its bytes."""

    suffix: str
    content_type: str
    lines: Callable[[AsyncIterator[list[Line]]], AsyncIterator[bytes]]


async def _csv(pages: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    yield table([_COLUMNS])
    async for page in pages:
        yield table(map(_row, page))


async def _jsonl(pages: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(encode(views.request(line)) + b"\n" for line in page)


KINDS = {
    "csv": Kind("csv", "text/csv; charset=utf-8", _csv),
    "jsonl": Kind("jsonl", "application/x-ndjson", _jsonl),
}


def table(rows: Iterable[Sequence[Any]]) -> bytes:
    """Lines of CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_COMMANDS) else value


def _row(line: Line) -> list[Any]:
    """In the order of _COLUMNS."""
    first, last = line.first_byte_us, line.finished_us
    units = Units(**msgspec.json.decode(line.units_json))
    return [
        *(line.id, moment(line.created_us), moment(last), line.username, line.key_name, line.model, line.endpoint),
        *(
            line.backend,
            str(line.stream).lower(),
            line.state,
            line.status,
            line.basis,
            line.input_tokens,
            line.output_tokens,
        ),
        *(show_money(line.charged), show_money(line.refunded)),
        None if first is None else max(0, first - line.created_us) // 1_000,
        None if last is None else max(0, last - line.created_us) // 1_000,
        *(line.error_code, line.error, units.cached, units.reasoning, units.image, units.second, units.character),
        *(line.price_id, line.tier, show_factor(line.price_factor_ppm), show_money(line.shortfall)),
    ]


class Amount:
    """A number that is no text to `table`: a minus before it is no formula."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def moment(us: int | None) -> str | None:
    """A time as spreadsheets read it, UTC: 2026-11-24T12:00:00Z."""
    return None if us is None else datetime.fromtimestamp(us // SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
