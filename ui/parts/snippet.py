"""The same request as a command and as a program, with `$KEY` where the key belongs. Pure functions, and their card."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from nicegui import events, ui

_COPY = """async event => {
  const text = event.target.closest(".snippet").querySelector("pre").innerText;
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const field = Object.assign(document.createElement("textarea"), {value: text});
    document.body.append(field); field.select(); document.execCommand("copy"); field.remove();
  }
  Quasar.Notify.create({message: "Copied", timeout: 1500});
}"""


def as_curl(base_url: str, body: Mapping[str, Any]) -> str:
    """For a shell with the key in KEY; the body is quoted, whatever it holds."""
    text = json.dumps({**body, "stream": True}, ensure_ascii=False, indent=2)
    return (
        f"curl -N {shlex.quote(base_url + '/v1/chat/completions')} \\\n"
        '  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(text)}"
    )


def as_python(base_url: str, body: Mapping[str, Any]) -> str:
    """For OpenAI's SDK, with the key in the environment's KEY."""
    lines = "".join(f"    {name}={value!r},\n" for name, value in body.items() if name != "messages")
    messages = "".join(f"        {message!r},\n" for message in body["messages"])
    return (
        "import os\n\nfrom openai import OpenAI\n\n"
        f"client = OpenAI(base_url={base_url + '/v1'!r}, api_key=os.environ['KEY'])\n"
        f"stream = client.chat.completions.create(\n{lines}    messages=[\n{messages}    ],\n    stream=True,\n)\n"
        "for chunk in stream:\n"
        "    print(chunk.choices[0].delta.content or '' if chunk.choices else '', end='', flush=True)"
    )


class Snippets:
    """Both, one at a time, with a button that copies."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._body: dict[str, Any] = {"messages": []}
        with ui.element("div").classes("snippet"):
            with ui.element("div").classes("tools"):
                self._kind = ui.toggle({"curl": "curl", "python": "Python"}, value="curl", on_change=self._turn)
                self._kind.props("unelevated no-caps dense toggle-color=primary").classes("sections")
                ui.space()
                copy = ui.button("Copy", icon="content_copy", color=None).props("flat dense no-caps")
                copy.on("click", js_handler=_COPY)
            with ui.element("pre").classes("code").props("tabindex=0"):
                self._text = ui.label()

    def set(self, body: Mapping[str, Any]) -> None:
        """What is sent."""
        self._body = dict(body)
        self._show()

    def _turn(self, _: events.ValueChangeEventArguments[str]) -> None:
        self._show()

    def _show(self) -> None:
        write = as_curl if self._kind.value == "curl" else as_python
        self._text.set_text(write(self._base_url, self._body))
