"""One model: where it runs, what it costs and did cost, what another price would have meant, its margin."""

from typing import Any

from nicegui import ui

from .. import show
from ..desk import Desk
from ..parts.card import card
from ..parts.dialog import Moment, button, facts
from ..parts.form import Form, Sure, sure_of
from ..parts.listing import Column, Listing, Row
from ..parts.price import METERS, PriceChart, shown
from .margins import Margins
from .model_price import PriceChange
from .models import SOURCES, abilities_of, context_of, place_field, places, served, whole

VERSIONS = (
    Column("version", "Version"),
    Column("created_at", "Since", "time"),
    Column("prices", "Price"),
    Column("endpoint", "Where"),
    Column("actor", "Set by"),
)


def build(desk: Desk) -> None:
    """The page of the model that the path names."""
    _Model(desk, str(desk.params["model"]))


class _Model:
    def __init__(self, desk: Desk, name: str) -> None:
        self._desk, self._name = desk, name
        self._row: Row = {}
        self._backends: dict[str, Row] = {}
        self._seen: Any = None
        with ui.element("div").classes("stack"):
            with ui.element("section").classes("card"):
                with ui.element("div").classes("card-head"):
                    ui.link("Models", "/models").classes("back")
                    ui.label(name).classes("card-title")
                    self._badge = ui.label("…").classes("badge")
                    ui.space()
                    self._take_back = button("Take back", self._remove)
                    self._take_back.set_visibility(False)
                    button("Change", self._change)
                self._facts = ui.element("div").classes("model-facts")
            with ui.element("div").classes("pair"):
                with card("Price over time", "Per million tokens; a request keeps the version of its admission."):
                    self._chart = PriceChart()
                with card("Another price", "What it would have meant on the traffic of the last 30 days."):
                    self._price = PriceChange(desk, name, self._after)
            self._margins = Margins(desk, name)
            with card("Versions"):
                self._list = Listing(desk, VERSIONS, self._ask_versions, self._shape_version, "No price yet.")
        desk.keep(self._refresh, 10)
        desk.keep(self._margins.load, 30)

    async def _refresh(self) -> None:
        self._row = await self._desk.ask(lambda api: api.model(self._name))
        found = (await self._desk.shared("backends", lambda api: api.backends()))["data"]
        self._backends = {str(row["name"]): row for row in found}
        self._show()
        self._price.set(self._row["price"])
        await self._list.load()

    async def _after(self) -> None:
        await self._desk.attempt(self._refresh)

    def _show(self) -> None:
        row = self._row
        targets = [(target, self._backends.get(str(target).partition("/")[0]) or {}) for target in row["targets"]]
        seen = [row, [(target, backend.get("up"), backend.get("why")) for target, backend in targets]]
        if seen == self._seen:
            return
        self._seen = seen
        words, tone, _ = served(row, self._backends)
        self._badge.set_text({"yes": "served", "nobody": "nobody serves it"}.get(words, f"{words} serve it"))
        self._badge.classes(replace=f"badge {tone}")
        self._take_back.set_visibility(row["source"] == "owner" or bool(row.get("overrides_file")))
        self._facts.clear()
        with self._facts:
            self._show_targets(targets)
            with ui.element("div"):
                facts(self._pairs())
                with ui.element("p").classes("card-hint sentence"):
                    ui.label("Limits are set in gateway.yaml, under limits of the model, and applied on ")
                    ui.link("Config", "/config").classes("cell-link")

    def _show_targets(self, targets: list[tuple[str, Row]]) -> None:
        weights = self._row.get("weights") or []
        with ui.element("div").classes("targets"):
            for place, (target, backend) in enumerate(targets):
                up = backend.get("up")
                with ui.element("div").classes("target"):
                    ui.element("span").classes("dot" + (" ok" if up else "" if up is None else " bad"))
                    ui.label(str(target)).classes("title")
                    weight = weights[place] if place < len(weights) else 1
                    share = f"weight {weight}" if len(targets) > 1 else ""
                    why = "" if up else str(backend.get("why") or "not looked at yet")
                    ui.label(" · ".join(part for part in (share, why) if part)).classes("card-hint")

    def _pairs(self) -> list[tuple[str, str | Moment]]:
        row, currency = self._row, self._desk.house.currency
        context = context_of(row, self._backends)
        over = ", changed here" if row.get("overrides_file") and row["source"] == "file" else ""
        able = abilities_of(row, self._backends)
        own = dict(row.get("limits") or {})
        total = own.pop("total", None)
        return [
            ("Declared by", SOURCES.get(row["source"], str(row["source"])) + over),
            *(
                (f"Price, {METERS.get(meter, meter).lower()}", shown(text, currency))
                for meter, text in row["price"].items()
            ),
            ("Context", show.counted(context, "token") if context else "not told by its backend"),
            ("Longest answer", show.counted(row["max_output"], "token") if row["max_output"] else "no limit"),
            ("Limits of a key", show.declared_limits(own) if own else "none but the endpoint's"),
            *([("Limits of all callers together", show.declared_limits(total))] if total else []),
            ("Can do", ", ".join(able) or "not told by its backend"),
            *([("Falls back to", str(row["fallback"]))] if row.get("fallback") else []),
        ]

    def _names(self) -> list[str]:
        return [str(target).partition("/")[0] for target in self._row["targets"]]

    async def _ask_versions(self, cursor: str | None, limit: int) -> Row:
        found: Row = await self._desk.ask(lambda api: api.prices(self._name))
        self._chart.set(found["data"])
        return {**found, "data": found["data"][:200]}

    def _shape_version(self, row: Row) -> Row:
        currency = self._desk.house.currency
        prices = [f"{METERS.get(meter, meter).lower()} {shown(text, currency)}" for meter, text in row["price"].items()]
        return {
            **{name: row[name] for name in ("id", "version", "created_at")},
            "prices": ", ".join(prices),
            "prices_hint": ", ".join(prices),
            "endpoint": row["endpoint"] or "everywhere",
            "actor": f"{row['actor']}" if row["source"] == "owner" else "gateway.yaml",
        }

    async def _change(self) -> None:
        await self._after()  # what is changed is what is there now, not what the page showed
        form = Form(self._desk, f"Change {self._name}")
        targets = self._row.get("targets") or []
        weights = dict(zip(targets, self._row.get("weights") or [], strict=False))  # kept where a place stays
        with form.fields():
            fields = [place_field(str(target), places(self._backends)) for target in targets]
            more = place_field("", places(self._backends))
            most = form.text("Longest answer in tokens", str(self._row.get("max_output") or ""))
            ui.label("Empty a place to take it away; the last one adds one. An empty length stays as it is.").classes(
                "card-hint"
            )

        def ask(api: Any) -> Any:
            wanted = [str(field.value) for field in (*fields, more) if field.value]
            changed = [{"to": each, "weight": weights.get(each, 1)} for each in wanted] if wanted != targets else None
            return api.put_model(self._name, changed, max_output=whole(most.value))

        if await form.sent(ask, "Save") is not None:
            ui.notify(f"{self._name} is changed.", type="positive")
        await self._after()

    async def _remove(self) -> None:
        own = self._row["source"] == "owner"
        words = (
            f"{self._name} is no longer sold. Its history stays." if own
            else f"{self._name} is gateway.yaml's again, at the file's price, for every request from now on."
        )  # fmt: skip
        gone = await sure_of(
            self._desk,
            f"Take {self._name} back?",
            lambda api: api.remove_model(self._name),
            Sure(words, "Take back", danger=own),
            "It is taken back.",
        )
        if gone is not None and own:
            ui.navigate.to("/models")
            return
        await self._after()
