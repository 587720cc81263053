"""A text to take away: a key, a command, an id, each with a button that copies it."""

from nicegui import ui

_COPY = "event => room.copy(event)"


def copyable(text: str, label: str, block: bool = False) -> None:
    """The text as code with a copy button; `label` names it for who cannot see it. `block` keeps its lines."""
    with ui.element("div").classes("copies" + (" block" if block else "")):
        ui.label(text).classes("copied").props("tabindex=0 role=textbox aria-readonly=true").props["aria-label"] = label
        small = ui.button(icon="content_copy", color=None).props('flat round dense title="Copy"').classes("copy-button")
        small.props["aria-label"] = f"Copy {label}"
        small.on("click", js_handler=_COPY)


def secret_field(secret: str, label: str) -> None:
    """A field that shows a secret this once, and the button that copies it."""
    with ui.element("div").classes("copies secret"):
        # Of several lines where it must, so that the whole of it is seen on a phone, too.
        ui.textarea(value=secret).props("readonly outlined dense autogrow").props["aria-label"] = label
        ui.button("Copy", icon="content_copy").props("unelevated no-caps").on("click", js_handler=_COPY)
