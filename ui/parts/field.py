"""Fields of a form, checked while typing and again before anything is sent."""

from typing import Any

from nicegui import ui

from infra.units import money, show_money


def field(label: str, value: str, needed: str = "") -> ui.input:
    """A line of text; `needed` is said when it is left empty."""
    check = (lambda text: None if str(text or "").strip() else needed) if needed else None
    found = ui.input(label, value=value, validation=check).props("outlined dense hide-bottom-space").classes("wide")
    return found.without_auto_validation() if needed else found


def amount_field(
    label: str,
    value: str = "",
    zero: bool = False,
    negative: bool = False,
    most: int | None = None,
    taken: int | None = None,
) -> ui.input:
    """An amount of money, at most 9 decimals; `zero` where nothing is a good answer too, `negative` where less is.

    `most` is the largest that there is, `taken` how much less at most, in nano-units.
    """

    def check(text: Any) -> str | None:
        typed = str(text or "").replace(",", "").strip()
        try:
            nano = money(typed.removeprefix("-") if negative else typed)
        except ValueError as fault:
            return f"{fault}" if text else "Type an amount, as in 10.00"
        if most is not None and nano > most:
            return f"At most {show_money(most)}"
        if taken is not None and typed.startswith("-") and nano > taken:
            return f"At most {show_money(taken)} can be taken away: the rest is not there or held"
        return None if nano or zero else "Type an amount that is not 0" if negative else "Type an amount above 0"

    found = (
        ui.input(label, value=value, validation=check)
        .props("outlined dense hide-bottom-space inputmode=decimal")
        .classes("wide")
    )
    return found.without_auto_validation()


def amount_of(found: ui.input) -> str:
    """The text of an amount field as the API takes it."""
    return str(found.value or "0").replace(",", "").strip()
