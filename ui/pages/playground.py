"""Playground: a chat with any model, paid by the user of one's choice, and what it took: tokens, cost, speed."""

import asyncio
from typing import Any

from nicegui import ui

from infra.client import ClientError, chat

from ..desk import Desk
from ..house import Trouble
from ..parts.card import card
from ..parts.form import choice
from ..parts.pick import UserPick
from ..parts.snippet import Snippets
from ..parts.talk import Bubble, Talk
from .meter import Meter, Stopwatch
from .short_key import ShortKey

Message = dict[str, str]


def build(desk: Desk) -> None:
    """The page."""
    page = _Playground(desk)
    ui.context.client.on_disconnect(page.put_away)
    ui.context.client.on_delete(page.leave)


class _Playground:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._key = ShortKey(desk)
        self._history: list[Message] = []
        self._answering: asyncio.Task[None] | None = None
        with ui.element("div").classes("playground"):
            with ui.element("section").classes("card chat"):
                self._chat()
            with ui.element("div").classes("stack"):
                with card("Settings"):
                    self._settings()
                with card("Last answer"):
                    self._meter = Meter(desk)
        hint = "Put a key of your own where $KEY stands."
        with ui.element("div").classes("below"), card("The same request, from a program", hint):
            self._snippets = Snippets(desk.house.api_url)
        self._show_snippets()
        ui.timer(0, lambda: desk.attempt(self._load), once=True)

    def _chat(self) -> None:
        with ui.element("div").classes("card-head"):
            ui.label("Chat").classes("card-title")
            ui.space()
            ui.button("New chat", icon="add", on_click=self._clear, color=None).props("flat dense no-caps")
        self._talk = Talk(
            "Choose who pays and a model, then say something. It is a real request: it costs what it says."
        )
        with ui.element("div").classes("say"):
            self._words = ui.textarea(placeholder="Message").props('outlined dense autogrow aria-label="Message"')
            self._words.classes("wide").on("keydown.enter.exact.prevent", self._send)
            self._go = ui.button(icon="send", on_click=self._send, color="primary").props(
                'unelevated aria-label="Send"'
            )
            self._halt = ui.button(icon="stop", on_click=self._stop, color="negative")
            self._halt.props('unelevated aria-label="Stop"').set_visibility(False)
        ui.label("Enter sends, Shift+Enter is a new line.").classes("card-hint")

    def _settings(self) -> None:
        with ui.element("div").classes("form"):
            self._user = UserPick(self._desk, "Who pays")
            self._model = choice("Model", [])
            self._system = ui.textarea("System prompt").props("outlined dense autogrow").classes("wide")
            with ui.element("div").classes("two-fields"):
                self._temperature = ui.number("Temperature", min=0, max=2, step=0.1).props("outlined dense clearable")
                self._most = ui.number("Max tokens", value=256, min=1, step=1, precision=0).props(
                    "outlined dense clearable"
                )
            self._tier = choice("Service tier", {"": "default"}, "")
            self._tier.set_visibility(False)
        for field in (self._model, self._system, self._temperature, self._most, self._tier):
            field.on_value_change(self._show_snippets)

    async def _load(self) -> None:
        models = [str(row["id"]) for row in (await self._desk.ask(lambda api: api.models()))["data"] if row["active"]]
        self._model.set_options(models, value=self._model.value or (models[0] if models else None))
        users = await self._user.load()
        if users and not self._user.name:
            self._user.choose(users[0])
        if not models or not users:
            self._desk.tell(f"There is no {'model' if not models else 'user'} yet: make one first.")
        config = await self._desk.ask(lambda api: api.config())
        tiers = [str(name) for name in config["gateway"].get("service_tiers") or {} if name != "default"]
        self._tier.set_options({"": "default", **{name: name for name in tiers}}, value="")
        self._tier.set_visibility(bool(tiers))
        self._show_snippets()

    def _body(self, history: list[Message]) -> dict[str, Any]:
        system = str(self._system.value or "").strip()
        found: dict[str, Any] = {
            "model": str(self._model.value or ""),
            "messages": [*([{"role": "system", "content": system}] if system else []), *history],
        }
        if self._temperature.value is not None:
            found["temperature"] = float(self._temperature.value)
        if self._most.value:
            found["max_tokens"] = int(self._most.value)
        return found | ({"service_tier": self._tier.value} if self._tier.value else {})

    def _show_snippets(self) -> None:
        """What was sent last: the conversation up to the viewer's own last words."""
        self._snippets.set(self._body(self._history[:-1] or [{"role": "user", "content": "Say hello."}]))

    async def _clear(self) -> None:
        self._stop()
        self._history.clear()
        self._talk.clear()
        self._show_snippets()

    def _stop(self) -> None:
        if self._answering is not None:
            self._answering.cancel()

    async def put_away(self) -> None:
        """The page is closed, or its connection lost: a key is made anew when the next message wants one."""
        await self._key.drop()

    async def leave(self) -> None:
        """The page does not come back: what runs ends, and a key that was made meanwhile is no more."""
        self._stop()
        await self._key.drop()

    async def _send(self) -> None:
        words = str(self._words.value or "").strip()
        if not words or self._answering is not None:
            return
        if not self._user.name or not self._model.value:
            ui.notify("Choose who pays and a model first.", type="warning")
            return
        self._words.set_value("")
        self._talk.add("You", words, "mine")
        bubble = self._talk.add(str(self._model.value), "", "theirs")
        said = {"role": "user", "content": words}
        watch = Stopwatch()
        self._busy(True)
        self._answering = asyncio.create_task(self._answer(self._body([*self._history, said]), bubble, watch))
        try:
            await asyncio.wait({self._answering})
            await self._ended(self._answering, said, bubble, watch)
        finally:
            self._answering = None
            self._busy(False)

    async def _ended(self, answering: asyncio.Task[None], said: Message, bubble: Bubble, watch: Stopwatch) -> None:
        bubble.settle()
        wrong = None if answering.cancelled() else answering.exception()
        if wrong is not None and not isinstance(wrong, ClientError | Trouble):
            raise wrong
        if wrong is not None:
            bubble.note(str(wrong), bad=True)
        elif answering.cancelled():
            bubble.note("Stopped. What had come until then is paid.")
        else:
            bubble.note("" if bubble.text or bubble.thought else "The model said nothing.")
        if bubble.text:
            self._history += [said, {"role": "assistant", "content": bubble.text}]
        elif not self._words.value:
            self._words.set_value(said["content"])  # nothing came of it: to be sent again without typing it anew
        self._show_snippets()
        await self._meter.show(watch, self._user.name)

    async def _answer(self, body: dict[str, Any], bubble: Bubble, watch: Stopwatch) -> None:
        key = await self._key.of(self._user.name)
        watch.start()
        async with chat(self._desk.house.api_url, key, body) as answer:
            watch.request_id = answer.request_id
            async for said in answer:
                if said.waiting:
                    bubble.note(
                        said.waiting.replace("queued position=", "In the queue, place ").replace(" eta=", ", about ")
                    )
                if said.text or said.reasoning:
                    watch.piece()
                    bubble.grow(said.text, said.reasoning)
                watch.usage = said.usage or watch.usage
        watch.end()

    def _busy(self, on: bool) -> None:
        self._go.set_visibility(not on)
        self._halt.set_visibility(on)
