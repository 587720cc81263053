"""One backend: its state and why, what it serves, its diary, and taking it out of service for a while."""

from nicegui import ui

from .. import show
from ..desk import Desk
from ..house import Trouble
from ..parts.dialog import Moment, actions, button, facts, opened, settled
from ..parts.form import Sure, sure_of
from ..parts.lights import standing, state_of
from ..parts.listing import Row

EVENTS = 30
_KINDS = {
    "up": ("up", "ok"),
    "down": ("down", "bad"),
    "ejected": ("ejected", "bad"),
    "readmitted": ("readmitted", "ok"),
    "draining": ("draining", "warn"),
    "resumed": ("resumed", "ok"),
    "config": ("new gateway.yaml", "plain"),
    "opened": ("opened", "ok"),
    "closed": ("closed", "plain"),
}


async def view_backend(desk: Desk, row: Row) -> None:
    """The dialog; what it changes is done when this returns."""
    name = str(row["name"])
    try:
        diary: list[Row] | str = (await desk.ask(lambda api: api.backend_events(name, EVENTS)))["data"]
    except Trouble as trouble:
        diary = str(trouble)
    with opened(name) as dialog:
        dialog.default_slot.children[0].classes("broad")
        if row.get("why"):
            ui.label(str(row["why"])).classes("error-text")
        facts(_facts(row))
        ui.label("What happened to it").classes("part")
        _show(diary)
        with actions():
            button("Close", lambda: dialog.submit(None))
            if "draining" in row:
                verb = "Take it into service…" if row["draining"] else "Drain…"
                button(verb, lambda: dialog.submit("drain"), "main" if row["draining"] else "danger")
    if await settled(dialog) == "drain":
        await _drain(desk, row)


def last_hour(row: Row) -> str:
    """What it did in the last hour, in a line."""
    found = row.get("last_hour") or {}
    if not found.get("requests"):
        return "no request"
    speed = found.get("tokens_per_second")
    errors = f", {show.counted(found['errors'], 'error')}" if found.get("errors") else ""
    return f"{show.counted(found['requests'], 'request')}{errors}" + (
        f", {speed:,.1f} tokens/s a stream" if speed else ""
    )


def _facts(row: Row) -> list[tuple[str, str | Moment]]:
    contexts = [f"{name}: {show.count(tokens)}" for name, tokens in (row.get("contexts") or {}).items()]
    return [
        ("State", state_of(row)[0]),
        *([("Hours", ", ".join(map(str, row["available"])))] if row.get("available") else []),
        *([("Opens", Moment(row["opens_at"]))] if row.get("opens_at") else []),
        *([("Next trial", Moment(row["ejected_until"]))] if row.get("ejected_until") else []),
        ("Adapter", str(row.get("adapter") or show.UNKNOWN)),
        ("Slots", f"{show.count(row['busy'])} of {show.count(row['slots'])} busy"),
        *([("Kept", standing(row))] if row.get("standing") else []),
        ("Waiting", show.count(row["queued"])),
        ("Last hour", last_hour(row)),
        ("Failures in a row", show.count(row.get("failures") or 0)),
        ("Last error", str(row.get("last_error") or "none")),
        ("Models it has", ", ".join(map(str, row.get("models") or [])) or "none that is known"),
        (
            "Context",
            "\n".join(contexts) or (show.counted(row["context"], "token") if row.get("context") else "not told"),
        ),
        ("Can do", ", ".join(map(str, row.get("capabilities") or [])) or "not told"),
        ("Looked at", Moment(row.get("checked_at"), "not yet")),
    ]


def _show(diary: list[Row] | str) -> None:
    if isinstance(diary, str) or not diary:
        ui.label(diary if isinstance(diary, str) else "Nothing yet.").classes("card-hint")
        return
    with ui.element("div").classes("diary"):
        for event in diary:
            words, tone = _KINDS.get(event["kind"], (str(event["kind"]), "plain"))
            with ui.element("div").classes("diary-time"):
                Moment(event["at"]).show()
            ui.label(words).classes(f"badge {tone}")
            ui.label(str(event["why"] or "")).classes("diary-why")


async def _drain(desk: Desk, row: Row) -> None:
    name, on = str(row["name"]), not row["draining"]
    words = (
        f"{name} gets no new requests until you take it into service again; the {show.count(row['busy'])} that run "
        "there finish. Models that no other backend has are refused meanwhile."
        if on
        else f"{name} gets requests again from now on."
    )
    await sure_of(
        desk,
        f"Drain {name}?" if on else f"Take {name} into service?",
        lambda api: api.drain_backend(name, on),
        Sure(words, "Drain" if on else "Take into service", danger=on),
        f"{name} is draining." if on else f"{name} is in service.",
    )
