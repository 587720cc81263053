"""What every page stands in: header, navigation, theme switch, sign-out, and the one notice for trouble."""

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui
from starlette.requests import Request
from starlette.responses import Response

from .desk import Desk
from .guard import prefix_of, session_of
from .house import House


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of the navigation and what builds its content."""

    path: str
    title: str
    icon: str
    """A Material icon's name."""
    build: Callable[[Desk], None]


COLOURS = {"primary": "#4f46e5", "positive": "#12875f", "negative": "#c8323c", "warning": "#b4690e", "info": "#3b6fd4"}
# The choice lives in a cookie that scripts may write: the sign-in page and the first paint need it too.
_TURN = """() => {
  Quasar.Dark.toggle();
  const chosen = Quasar.Dark.isActive ? "dark" : "light";
  document.documentElement.dataset.theme = chosen;
  document.cookie = `theme=${chosen}; path=/; max-age=31536000; samesite=lax`;
}"""
_NAVIGATION = "() => document.body.classList.toggle('nav-open')"
_LEAVE = """() => {
  const form = Object.assign(document.createElement("form"),
    {method: "post", action: (window.path_prefix || "") + "/sign-out"});
  document.body.append(form);
  form.submit();
}"""


def add_page(page: Page, pages: tuple[Page, ...], house: House) -> None:
    """Registers `page` with NiceGUI; the guard in front has already turned away who is not signed in."""

    async def serve(request: Request) -> Response | None:
        session = session_of(request, house.sessions)
        if session is None:  # it ended between the guard and here
            return Response("Sign in first.", 401)
        _head(prefix_of(request), request.cookies.get("theme"))
        desk = Desk(house, session, page.path, ui.context.client)
        _bars(page, pages)
        desk.notice = ui.label().classes("notice").props('role="alert"')
        desk.notice.set_visibility(False)
        with ui.element("main").classes("room") as desk.room:
            page.build(desk)
        return None

    ui.page(page.path, title=f"{page.title} · AetherGate")(serve)


def _head(prefix: str, theme: str | None) -> None:
    chosen = theme if theme in ("dark", "light") else "auto"
    ui.add_head_html(
        f'<script>document.documentElement.dataset.theme = "{chosen}"; document.documentElement.lang = "en";</script>'
        f'<link rel="stylesheet" href="{prefix}/static/room.css">'
        f'<link rel="stylesheet" href="{prefix}/static/work.css">'
    )
    ui.colors(**COLOURS)
    ui.dark_mode({"dark": True, "light": False}.get(chosen))


def _bars(page: Page, pages: tuple[Page, ...]) -> None:
    with ui.header().classes("bar"):
        burger = ui.button(icon="menu", color=None).props('flat round dense aria-label="Navigation"').classes("burger")
        burger.on("click", js_handler=_NAVIGATION)
        with ui.link(target="/").classes("brand"):
            ui.element("span").classes("mark")
            ui.label("AetherGate")
        ui.label(page.title).classes("where")
        ui.space()
        dark = ui.button(icon="contrast", color=None).props('flat round dense aria-label="Dark or light"')
        dark.on("click", js_handler=_TURN)
        leave = ui.button("Sign out", icon="logout", color=None).props("flat dense no-caps").classes("leave")
        leave.on("click", js_handler=_LEAVE)
    ui.element("div").classes("veil").on("click", js_handler=_NAVIGATION)
    # Opened and closed by the browser alone: no question to the server while a page loads.
    with ui.element("nav").classes("nav").props('aria-label="Pages"'):
        for entry in pages:
            with ui.link(target=entry.path).classes("nav-link" + (" here" if entry is page else "")) as link:
                ui.icon(entry.icon)
                ui.label(entry.title)
            if entry is page:
                link.props('aria-current="page"')
