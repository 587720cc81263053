"""The request log as a file: the format, then how far it is."""

from collections.abc import Mapping
from typing import Literal

from nicegui import ui

from .. import show
from ..desk import Desk
from ..exports import Export
from ..parts.dialog import actions, button, opened, settled

Format = Literal["csv", "jsonl"]
FORMATS: dict[Format, str] = {"csv": "CSV, for a spreadsheet", "jsonl": "JSON lines, for programs"}


async def export_dialog(desk: Desk, filters: Mapping[str, str], filtered: bool) -> None:
    """Asks for the format, sends the browser to fetch the file, and shows the progress until it is there."""
    with opened("Export requests") as dialog:
        words = "Every request that the filters let through" if filtered else "Every request of the log"
        ui.label(f"{words} becomes a row, with its units and its cost.").classes("sentence")
        chosen = ui.radio(dict(FORMATS), value="csv")
        with actions():
            button("Cancel", lambda: dialog.submit(None))
            button("Export", lambda: dialog.submit(chosen.value), "main")
    format: Format | None = await settled(dialog)
    if format is not None:
        await _watch(desk.export(format, filters))


async def _watch(export: Export) -> None:
    with opened("Export requests") as dialog:
        bar = ui.linear_progress(0, show_value=False, size="8px").props('rounded aria-label="Progress"')
        words = ui.label("The gateway begins …").classes("sentence").props('role="status"')
        with actions():
            stop = button("Stop", lambda: _stop(export))
            close = button("Close", lambda: dialog.submit(None), "main")

        def look() -> None:
            """One look at how far it is."""
            going = export.state in ("waiting", "running")
            bar.value = export.rows / export.total if export.total else float(export.state == "done")
            words.set_text(_words(export))
            stop.set_visibility(going)
            close.set_visibility(not going)

        look()
        ui.timer(0.3, look)
    await settled(dialog)


def _stop(export: Export) -> None:
    export.state, export.why = "stopped", f"The file has the first {show.counted(export.rows, 'row')}."


def _words(export: Export) -> str:
    rows = show.count(export.rows) if export.total is None else f"{export.rows:,} of {export.total:,}"
    match export.state:
        case "waiting":
            return "The gateway begins …"
        case "running":
            return f"{rows} rows"
        case "done":
            return f"Done: {show.counted(export.total if export.total is not None else export.rows, 'row')}."
        case "stopped":
            return f"Stopped. {export.why}"
        case "failed":
            return f"The export broke off at {rows} rows: {export.why}"
