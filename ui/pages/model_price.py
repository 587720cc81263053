"""Another price for a model: what it would have meant first, then a second click that sets it."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Refused, Trouble
from ..parts.dialog import button
from ..parts.form import Sure, sure_of
from ..parts.listing import Row
from ..parts.price import METERS, PriceFields, shown

DAYS = 30
_UNTOLD = "This gateway does not tell what it would have meant: gateway.yaml has no POST /admin/prices/preview."


class PriceChange:
    """Fields per meter, the preview below them, and the button that asks before it sets."""

    def __init__(self, desk: Desk, model: str, after: Callable[[], Awaitable[None]]) -> None:
        self._desk, self._model, self._after = desk, model, after
        self._now: dict[str, str] | None = None
        self._asked = 0
        with ui.element("div").classes("form"):
            self._box = ui.element("div").classes("form")
            self._words = ui.label("Change a price to see it.").classes("preview")
            with ui.element("div").classes("actions"):
                self._go = button("Set this price…", self._set, "main")
        self._go.disable()

    def set(self, now: dict[str, str]) -> None:
        """The prices in force; what is being typed stays while they do."""
        if now == self._now:
            return
        self._now = dict(now)
        self._box.clear()
        with self._box:
            self._fields = PriceFields(now, self._desk.house.currency, self._preview)
        self._tell("Change a price to see it.")
        self._go.disable()

    def _tell(self, words: str, tone: str = "") -> None:
        self._words.set_text(words)
        self._words.classes(replace=f"preview {tone}")

    async def _preview(self) -> None:
        self._asked += 1
        turn = self._asked
        self._go.disable()
        try:
            changes = self._fields.changes()
        except ValueError:
            self._tell("")
            return
        if not changes:
            self._tell("Change a price to see it.")
            return
        try:
            found = await self._desk.ask(lambda api: api.preview_price(self._model, price=changes, days=DAYS))
        except Trouble as trouble:
            if turn == self._asked:
                untold = isinstance(trouble, Refused) and trouble.status in (404, 405)  # gateway.yaml lacks the route
                self._tell(_UNTOLD if untold else str(trouble), "" if untold else "bad")
                self._go.set_enabled(untold)
            return
        if turn == self._asked:  # nothing was typed meanwhile
            self._tell(_meant(found, self._desk.house.currency))
            self._go.enable()

    async def _set(self) -> None:
        changes, currency = self._fields.changes(), self._desk.house.currency
        lines = [
            f"{METERS[meter]}: {_said((self._now or {}).get(meter), currency)} → {_said(text, currency)}"
            for meter, text in changes.items()
        ]
        sentence = f"{'. '.join(lines)}. New requests pay it from now on; running ones keep theirs. {self._words.text}"
        await sure_of(
            self._desk,
            f"Set the price of {self._model}?",
            lambda api: api.put_model(self._model, price=changes),
            Sure(sentence, "Set the price"),
            "The new price is in force.",
        )
        await self._after()


def _said(text: str | None, currency: str) -> str:
    return "no price of its own" if text is None else shown(text, currency)


def _meant(found: Row, currency: str) -> str:
    if not found["requests"]:
        return f"Nobody used it in the last {found['days']} days: there is nothing to compare with."
    was, would = found["charged_nano"], found["would_be_nano"]
    first, second, moved = show.compared(was, would, currency)
    share = f", {100 * (would - was) / was:+.1f} %" if was else ""
    asked = show.counted(found["requests"], "request")
    return (
        f"{asked} in the last {found['days']} days brought {first}; "
        f"at this price they would have brought {second} ({moved}{share})."
    )
