"""A titled card, the block that pages are laid out in."""

from nicegui import ui


def card(title: str, hint: str = "") -> ui.element:
    """A card with its title; use it as a context."""
    box = ui.element("section").classes("card")
    with box:
        ui.label(title).classes("card-title")
        if hint:
            ui.label(hint).classes("card-hint")
    return box
