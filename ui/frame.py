"""What every page stands in: header, navigation, theme switch, sign-out, and the one notice for trouble."""

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import Client, events, ui
from starlette.requests import Request
from starlette.responses import Response

from .assets import ours
from .desk import Desk
from .guard import prefix_of, session_of
from .house import House
from .session import Session

GROUPS = ("Business", "Machines", "House")
"""The headings of the navigation."""


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the navigation and what builds its content."""

    path: str
    """May name parts of itself in braces; `Desk.params` has them."""
    title: str
    icon: str
    """A Material icon's name."""
    build: Callable[[Desk], None]
    group: str = ""
    """One of GROUPS; empty for a page that only other pages lead to."""
    go: str = ""
    """The letter that leads here after "g"."""
    under: str = ""
    """The path of the entry that is marked while this page, which has none, is open."""


COLOURS = {"primary": "#4f46e5", "positive": "#12875f", "negative": "#c8323c", "warning": "#b4690e", "info": "#3b6fd4"}
_OTHER_KEYS = (("/", "search"), ("Tab, Enter", "through the rows of a list, open one"), ("Esc", "close, cancel"))


def add_page(page: Page, pages: tuple[Page, ...], house: House) -> None:
    """Registers `page` with NiceGUI; the guard in front has already turned away who is not signed in."""

    async def serve(request: Request) -> Response | None:
        session = session_of(request, house.sessions)
        if session is None:  # it ended between the guard and here
            return Response("Sign in first.", 401)
        _head(prefix_of(request), request.cookies.get("theme"))
        desk = Desk(house, session, request, ui.context.client)
        _bars(page, pages)
        _help(pages)
        desk.notice = ui.label().classes("notice").props('role="alert"')
        desk.notice.set_visibility(False)
        with ui.element("main").classes("room").props('id="room" tabindex="-1"') as desk.room:
            page.build(desk)
        _watch(desk)
        await desk.begin()
        return None

    ui.page(page.path, title=f"{page.title} · AetherGate")(serve)


def warm(pages: tuple[Page, ...], house: House) -> None:
    """Draws the first page for nobody, so that the first viewer does not wait for what is done once in a process."""
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})
    with Client(ui.page("/"), request=request) as nobody:
        _head("", None)
        _bars(pages[0], pages)
        _help(pages)
        pages[0].build(Desk(house, Session("", "", 0), request, nobody))
        nobody.build_response(request)
    nobody.delete()


def _head(prefix: str, theme: str | None) -> None:
    chosen = theme if theme in ("dark", "light") else "auto"
    ui.add_head_html(
        f'<script>document.documentElement.dataset.theme = "{chosen}"; document.documentElement.lang = "en";</script>'
        f'<script src="{prefix}{ours("room.js")}"></script>'
        f'<link rel="stylesheet" href="{prefix}{ours("room.css")}">'
        f'<link rel="stylesheet" href="{prefix}{ours("work.css")}">'
    )
    ui.colors(**COLOURS)
    ui.dark_mode({"dark": True, "light": False}.get(chosen))


def _watch(desk: Desk) -> None:
    """A tab that nobody looks at asks nothing."""

    def turned(event: events.GenericEventArguments) -> None:
        desk.hidden = bool(event.args)

    ui.on("visibility", turned)


def _bars(page: Page, pages: tuple[Page, ...]) -> None:
    with ui.header().classes("bar"):
        ui.element("a").classes("skip").props('href="#room"').add_slot("default", "Skip to the content")
        burger = ui.button(icon="menu", color=None).props('flat round dense aria-label="Navigation"').classes("burger")
        burger.on("click", js_handler="() => room.turnNavigation()")
        with ui.link(target="/").classes("brand").props('aria-label="AetherGate, overview"'):
            ui.element("span").classes("mark")
            ui.label("AetherGate")
        ui.label(page.title).classes("where")
        ui.space()
        for icon, words, handler in (
            ("keyboard", "Keyboard shortcuts", "() => room.help()"),
            ("contrast", "Dark or light", "() => room.turnTheme()"),
        ):
            small = ui.button(icon=icon, color=None).props(f'flat round dense aria-label="{words}" title="{words}"')
            small.classes(icon).on("click", js_handler=handler)
        leave = ui.button("Sign out", icon="logout", color=None).props("flat dense no-caps").classes("leave")
        leave.on("click", js_handler="() => room.signOut()")
    ui.element("div").classes("veil").on("click", js_handler="() => room.turnNavigation()")
    # Opened and closed by the browser alone: no question to the server while a page loads.
    with ui.element("nav").classes("nav").props('aria-label="Pages"'):
        for group in GROUPS:
            entries = [entry for entry in pages if entry.group == group]
            if entries:
                ui.label(group).classes("nav-group")
            for entry in entries:
                _entry(entry, here=entry.path in (page.path, page.under))


def _entry(entry: Page, here: bool) -> None:
    with ui.link(target=entry.path).classes("nav-link" + (" here" if here else "")) as link:
        ui.icon(entry.icon)
        ui.label(entry.title)
    link.props(f'data-go="{entry.go}"')
    if here:
        link.props('aria-current="page"')


def _help(pages: tuple[Page, ...]) -> None:
    """The shortcuts; the browser opens and closes it."""
    with ui.element("dialog").classes("help").props('aria-label="Keyboard shortcuts"'):
        ui.label("Keyboard").classes("dialog-title")
        with ui.element("dl").classes("facts"):
            ways = [(f"g {entry.go}", entry.title) for entry in pages if entry.go]
            for keys, words in (*ways, *_OTHER_KEYS, ("?", "this list")):
                with ui.element("dt"):
                    ui.element("kbd").add_slot("default", keys)
                with ui.element("dd"):
                    ui.label(words)
        with ui.element("form").props('method="dialog"').classes("actions"):
            ui.element("button").classes("plain-button").add_slot("default", "Close")
