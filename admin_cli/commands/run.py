"""Running it: the API, the control room, or both."""

import sys
from typing import Annotated

import typer

from admin_cli.grammar import ConfigFile, command

Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0 for every network.")]
API_PORT, ROOM_PORT = 8000, 8501


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    command(app, "Run", "up", "aethergate up")(up)
    examples = (
        "aethergate serve --host 0.0.0.0 --port 8000",
        "aethergate serve --only chat_completions",
        "aethergate serve --workers 4",
    )
    command(app, "Run", "serve", *examples)(serve)
    command(app, "Run", "ui", "aethergate ui --api-url http://127.0.0.1:8000")(ui)


def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = API_PORT,
    only: Annotated[
        str | None, typer.Option(metavar="FUNCTION", help="Only this function's routes, and health.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the port; best on PostgreSQL.")] = 1,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    config: ConfigFile = None,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C: running requests finish, a second signal ends them; SIGHUP reloads."""
    from admin_cli.running import serve_alone

    serve_alone(config, host, port, only, workers, fd)


def ui(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The control room's port.")] = ROOM_PORT,
    api_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The API; else $AETHERGATE_URL, else here.")
    ] = None,
    lifeline: Annotated[bool, typer.Option(hidden=True)] = False,
    config: ConfigFile = None,
) -> None:
    """Serve the control room alone; it speaks to the API over HTTP."""
    from admin_cli.room import serve_room

    serve_room(config, host, port, api_url, lifeline)


def up(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The API's port.")] = API_PORT,
    ui_port: Annotated[int, typer.Option(help="The control room's port.")] = ROOM_PORT,
    config: ConfigFile = None,
) -> None:
    """Serve the API and the control room together, and say how to use them. Ctrl-C stops both."""
    from admin_cli.running import serve_together

    serve_together(config, host, port, ui_port, ask=sys.stdin.isatty() and sys.stdout.isatty())
