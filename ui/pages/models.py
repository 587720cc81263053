"""Models and prices: what is sold, where it runs, and what a token costs."""

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import actions, button, facts, opened, settled
from ..parts.listing import Column, Listing, Row

COLUMNS = (
    Column("model", "Model"),
    Column("targets", "Runs as"),
    Column("price_in", "Price in", "number"),
    Column("price_out", "Price out", "number"),
    Column("context", "Context", "number"),
    Column("max_output", "Longest answer", "number"),
    Column("source", "Declared by", "badge"),
)
_SOURCES = {"file": "gateway.yaml", "owner": "the owner"}


def build(desk: Desk) -> None:
    """The page."""
    _Models(desk)


class _Models:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        empty = "No model is declared: add one to gateway.yaml, or with `aethergate add-model`."
        with card("Models and prices", "Prices are per million tokens; the newest version counts for new requests."):
            self._list = Listing(desk, COLUMNS, self._ask, self._shape, empty, self._open)
        desk.keep(self._list.load, 15)

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        return await self._desk.ask(lambda api: api.models())

    def _shape(self, row: Row) -> Row:
        currency = self._desk.house.currency
        return {
            "id": row["id"],
            "model": row["id"],
            "targets": ", ".join(row["targets"]),
            "price_in": show.per_million(row["price_in"], currency),
            "price_out": show.per_million(row["price_out"], currency),
            "context": show.count(row["context"]),
            "max_output": show.count(row["max_output"]),
            "source": _SOURCES.get(row["source"], str(row["source"])),
            "source_tone": "plain",
        }

    async def _open(self, row: Row) -> None:
        overrides = "; this overrides gateway.yaml" if row.get("overrides_file") else ""
        with opened(str(row["id"])) as dialog:
            facts(
                [
                    ("Runs as", ", ".join(row["targets"])),
                    ("Declared by", _SOURCES.get(row["source"], str(row["source"])) + overrides),
                    ("State", "on sale" if row["active"] else "switched off"),
                    ("Price version", str(row["price_version"])),
                    *((f"Price, {meter}", str(price)) for meter, price in (row.get("price") or {}).items()),
                    ("Context", f"{show.count(row['context'])} tokens" if row["context"] else "not known"),
                    ("Longest answer", f"{show.count(row['max_output'])} tokens" if row["max_output"] else "no limit"),
                ]
            )
            with actions():
                button("Close", lambda: dialog.submit(None))
        await settled(dialog)
