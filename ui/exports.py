"""Exports of the request log under way: what was asked for, how far it is. In memory, like the sessions."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

EXPORTS_MAX = 200


@dataclass
class Export:
    """One export on its way, as the page shows it."""

    session_id: str
    format: Literal["csv", "jsonl"]
    filters: Mapping[str, str]
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: Literal["waiting", "running", "done", "stopped", "failed"] = "waiting"
    total: int | None = None
    """Rows in all, once the gateway has said so."""
    rows: int = 0
    why: str = ""

    def goes_on(self, piece: bytes) -> bool:
        """Counts what went out (a text with line breaks in a CSV as several rows, never beyond the total); whether
        the viewer still wants it."""
        self.rows += piece.count(b"\n")
        self.rows = min(self.rows, self.total) if self.total is not None else self.rows
        return self.state == "running"

    def end(self) -> None:
        """Nothing more comes."""
        if self.state == "running":
            complete = self.total is None or self.rows >= self.total
            self.state = "done" if complete else "failed"
            self.why = "" if complete else "The browser broke the download off."


class Exports:
    """The exports that were asked for lately."""

    def __init__(self) -> None:
        self._known: dict[str, Export] = {}

    def add(self, export: Export) -> None:
        """The page is about to send the browser to `/download/requests/<id>`."""
        while len(self._known) >= EXPORTS_MAX:
            del self._known[next(iter(self._known))]
        self._known[export.id] = export

    def find(self, export_id: str, session_id: str) -> Export | None:
        """The export of that id, for whoever asked for it."""
        export = self._known.get(export_id)
        return export if export is not None and export.session_id == session_id else None
