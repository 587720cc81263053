"""What commands print: a table for people on a terminal, plain columns for pipes, JSON on request.

Piped output has no colours and never wraps.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

UNKNOWN = "–"


def line(text: str = "") -> None:
    """One line on stdout, as it is."""
    sys.stdout.write(f"{clean(text)}\n")


def lines(found: Iterable[str]) -> None:
    """Several lines on stdout, seen at once where it is a pipe too."""
    for each in found:
        line(each)
    sys.stdout.flush()


def note(text: str) -> None:
    """One line on stderr: for the person, not for what reads our output."""
    sys.stderr.write(f"{clean(text)}\n")


def clean(text: str) -> str:
    """The text with nothing in it that could steer a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def json(data: Any) -> None:
    """Indented JSON with exact numbers."""
    import msgspec

    encoded = msgspec.json.Encoder(decimal_format="number").encode(data)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


def table(names: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Rows under their names; one that ends with ">" is a column of numbers. `empty` is said where there are none."""
    found = [[_cell(each) for each in row] for row in rows]
    if not found:
        note(empty)
    elif sys.stdout.isatty():
        _rich_table(names, found)
    else:
        _plain_table([name.rstrip(">") for name in names], found)


def _cell(value: Any) -> str:
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(str(value))


def _plain_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len

    every = [list(names), *rows]
    widths = [max(cell_len(row[column]) for row in every) for column in range(len(names))]
    for row in every:
        padded = [text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _rich_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        found.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left", overflow="fold")
    for row in rows:
        found.add_row(*[Text(cell) for cell in row])  # as text: a name with [brackets] is no markup
    Console().print(found)


def money(nano: int | None) -> str:
    """The exact amount with at least two decimals."""
    from infra.units import show_money

    return UNKNOWN if nano is None else show_money(nano)


def when(seconds: int | None) -> str:
    """A time in this machine's zone."""
    return UNKNOWN if seconds is None else datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def limits(found: dict[str, Any] | None) -> str:
    """A subject's own limits in a line: requests 60/m, concurrent 4."""
    return ", ".join(f"{name} {value}" for name, value in (found or {}).items() if value is not None)
