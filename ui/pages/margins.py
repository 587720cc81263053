"""Margins: what a model's electricity costs on each backend beside what it brings."""

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Refused
from ..parts.card import card
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("model", "Model"),
    Column("backend", "Backend"),
    Column("speed", "Tokens/s of a stream", "number"),
    Column("revenue", "Revenue / 1M tokens", "number"),
    Column("cost", "Electricity / 1M tokens", "number"),
    Column("earned", "Left of the revenue", "number"),
    Column("margin", "Margin", "badge"),
)
DAYS = 30
_UNDECLARED = (
    "Costs need two things in gateway.yaml: what a kWh costs (gateway: electricity: 0.30) and what each machine draws "
    "while it works (its backend: watts: 350)."
)


class Margins:
    """The card; of all models, or of `model` alone."""

    def __init__(self, desk: Desk, model: str = "") -> None:
        self._desk, self._model = desk, model
        hint = f"Revenue less electricity over {DAYS} days, up to the last hour that is summed up."
        with card("Margin", hint):
            self._missing = ui.label(_UNDECLARED).classes("card-hint")
            self._missing.set_visibility(False)
            self._list = Listing(
                desk, COLUMNS, self._ask, self._shape, f"Nothing was summed up in the last {DAYS} days."
            )

    async def load(self) -> None:
        """Asks and shows; raises Trouble."""
        await self._list.load()

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        try:
            found: Row = await self._desk.ask(lambda api: api.margins(DAYS))
        except Refused as refused:
            if refused.status not in (404, 405):
                raise
            found = {"data": [], "electricity": 0}  # gateway.yaml has no such endpoint: nothing was measured
        rows = [row for row in found["data"] if self._model in ("", row["model"])]
        undeclared = found["electricity"] is None or any(row["watts"] is None for row in rows)
        self._missing.set_visibility(bool(rows) and undeclared)
        return {"data": rows, "next": None}

    def _shape(self, row: Row) -> Row:
        currency, speed, percent = self._desk.house.currency, row["tokens_per_second"], row["margin_percent"]
        revenue = show.headline(row["revenue_nano"], currency)
        return {
            "id": f"{row['backend']}/{row['model']}",
            "model": row["model"],
            "backend": row["backend"],
            "backend_more": f"{show.count(row['watts'])} W" if row["watts"] else "",
            "speed": f"{speed:,.1f}" if speed else show.UNKNOWN,
            "revenue": show.headline(row["revenue_per_million_nano"], currency),
            "cost": show.headline(row["cost_per_million_nano"], currency),
            "earned": show.headline(row["margin_nano"], currency),
            "earned_more": f"of {revenue}, {show.counted(row['requests'], 'request')}",
            "margin": show.UNKNOWN if percent is None else f"{percent:,.1f} %",
            "margin_tone": "plain" if percent is None else "ok" if percent > 0 else "bad",
        }
