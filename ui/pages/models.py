"""Models and prices: what is sold, where it runs and whether that is up, what a token costs; add one."""

from typing import Any
from urllib.parse import quote

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.dialog import button
from ..parts.form import Form, choice
from ..parts.listing import Column, Listing, Row
from ..parts.price import PriceFields
from .margins import Margins

COLUMNS = (
    Column("model", "Model"),
    Column("targets", "Runs as"),
    Column("price_in", "Price in", "number"),
    Column("price_out", "Price out", "number"),
    Column("context", "Context", "number"),
    Column("max_output", "Longest answer", "number"),
    Column("source", "Declared by"),
    Column("served", "Served", "badge"),
)
SOURCES = {"file": "gateway.yaml", "owner": "the owner"}


def build(desk: Desk) -> None:
    """The page."""
    _Models(desk)


class _Models:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._backends: dict[str, Row] = {}
        with ui.element("div").classes("stack"):
            self._declared()
            self._margins = Margins(desk)
        desk.keep(self._list.load, 10, on=("config", "model", "backend"))
        desk.keep(self._margins.load, 30)

    def _declared(self) -> None:
        with ui.element("section").classes("card"):
            with ui.element("div").classes("card-head"):
                ui.label("Models and prices").classes("card-title")
                ui.space()
                button("Add a model", self._add, "main")
            ui.label(
                "Per million tokens. Open one for its history, to change its price and to see its margin."
            ).classes("card-hint")
            empty = "No model is declared: add one here, in gateway.yaml, or with `aethergate add-model`."
            self._list = Listing(self._desk, COLUMNS, self._ask, self._shape, empty, self._open)

    async def _ask(self, cursor: str | None, limit: int) -> Row:
        found = (await self._desk.shared("backends", lambda api: api.backends()))["data"]
        self._backends = {str(row["name"]): row for row in found}
        return await self._desk.ask(lambda api: api.models())

    def _shape(self, row: Row) -> Row:
        currency = self._desk.house.currency
        words, tone, why = served(row, self._backends)
        return {
            "id": row["id"],
            "model": row["id"],
            "targets": ", ".join(row["targets"]),
            "targets_hint": ", ".join(row["targets"]),
            "price_in": show.per_million(row["price_in"], currency),
            "price_out": show.per_million(row["price_out"], currency),
            "context": show.count(context_of(row, self._backends)),
            "max_output": show.count(row["max_output"]),
            "source": SOURCES.get(row["source"], str(row["source"])) + (" +" if row.get("overrides_file") else ""),
            "source_hint": "the owner set something over gateway.yaml" if row.get("overrides_file") else "",
            "served": words,
            "served_tone": tone,
            "served_hint": why,
        }

    async def _open(self, row: Row) -> None:
        ui.navigate.to(f"/models/{quote(str(row['id']), safe='')}")

    async def _add(self) -> None:
        form = Form(self._desk, "Add a model")
        with form.fields():
            name = form.text("Name that callers use", needed="Type a name, as in qwen2.5:3b.")
            upstream = place_field("", places(self._backends))
            most = form.text("Longest answer in tokens")
            most.props["hint"] = "Empty: no limit."
            prices = PriceFields({}, self._desk.house.currency)

        def ask(api: Any) -> Any:
            return api.put_model(
                str(name.value).strip(), str(upstream.value or ""), price=prices.changes(), max_output=whole(most.value)
            )

        made = await form.sent(ask, "Add", check=prices.valid)
        if made is not None:
            ui.notify(f"{made['id']} is on sale.", type="positive")
        await self._desk.attempt(self._list.load)


def served(row: Row, backends: dict[str, Row]) -> tuple[str, str, str]:
    """(words, tone, why) of whether anything serves the model now."""
    names = [str(target).partition("/")[0] for target in row["targets"]]
    up = [name for name in names if (backends.get(name) or {}).get("up")]
    if not row.get("active", True):
        return "switched off", "plain", ""
    if not up:
        reasons = [f"{name}: {(backends.get(name) or {}).get('why') or 'not looked at yet'}" for name in names]
        return "nobody", "bad", "\n".join(reasons)
    return (f"{len(up)} of {len(names)}" if len(names) > 1 else "yes"), ("ok" if len(up) == len(names) else "warn"), ""


def context_of(row: Row, backends: dict[str, Row]) -> int | None:
    """Tokens that fit into one request everywhere: as declared, else as the backends tell."""
    if row["context"]:
        return int(row["context"])
    parts = [str(target).partition("/") for target in row["targets"]]
    told = [((backends.get(name) or {}).get("contexts") or {}).get(upstream) for name, _, upstream in parts]
    return min((int(each) for each in told if each), default=None)


def abilities_of(row: Row, backends: dict[str, Row]) -> list[str]:
    """What some backend of the model says that it can do: of this model, else of all of its own."""
    able = set[str]()
    for target in row["targets"]:
        name, _, upstream = str(target).partition("/")
        told = backends.get(name) or {}
        own = (told.get("abilities") or {}).get(upstream)
        able.update(map(str, (told.get("capabilities") if own is None else own) or ()))
    return sorted(able)


def places(backends: dict[str, Row]) -> list[str]:
    """What the backends say that they have, as targets are written."""
    return [f"{name}/{model}" for name, row in backends.items() for model in row.get("models") or []]


def place_field(value: str, known: list[str]) -> ui.select:
    """Where a model runs: one of what the backends have, or anything typed."""
    options = [*([value] if value and value not in known else []), *known]
    found = choice("Runs as (backend/model)", options, value or None)
    found.props("use-input fill-input hide-selected input-debounce=0 new-value-mode=add-unique")
    return found


def whole(text: Any) -> int | None:
    """A whole number of a field, None where nothing stands in it; what is none is refused by the gateway as it is."""
    plain = str(text or "").strip().replace(",", "")
    return int(plain) if plain.isdecimal() else (plain or None)  # type: ignore[return-value]
