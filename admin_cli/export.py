"""Writes the request log to a file while it arrives, and tells how far it has come."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admin_cli import output
from admin_cli.trouble import Refusal

if TYPE_CHECKING:
    from infra.client import AdminClient

STDOUT = "-"
FORMS = {".csv": "csv", ".jsonl": "jsonl"}


def form_of(path: Path) -> str:
    """What to write, by the file's name. Raises Refusal, also where there is such a file."""
    form = "csv" if str(path) == STDOUT else FORMS.get(path.suffix.lower())
    if form is None:
        raise Refusal(f"{path} must end with .csv or .jsonl, so that it is known what to write")
    if path.exists():
        raise Refusal(f"{path} exists already: choose another name")
    return form


async def write(admin: "AdminClient", path: Path, form: str, filters: Mapping[str, Any]) -> None:
    """A file has its name only when it is whole. Raises ClientError, OSError."""
    if str(path) == STDOUT:
        async with admin.export_requests("csv", **filters) as answer:
            async for part in answer.aiter_bytes():
                sys.stdout.buffer.write(part)
        sys.stdout.flush()
        return
    part_path = path.with_name(f".{path.name}.part")
    try:
        async with admin.export_requests(form, **filters) as answer:
            total = int(answer.headers.get("x-total-count", 0))
            await _save(answer.aiter_bytes(), part_path, total)
        part_path.rename(path)
    finally:
        part_path.unlink(missing_ok=True)
    output.line(f"{path}: {total:,} requests.")


async def _save(parts: Any, path: Path, total: int) -> None:
    rows = said = 0
    with path.open("wb") as file:
        async for part in parts:
            file.write(part)
            rows += part.count(b"\n")
            if rows - said >= 100_000:
                said = rows
                output.note(f"{rows:,} of {total:,} lines")
