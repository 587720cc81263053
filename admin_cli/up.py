"""`aethergate up`: API and control room together, with what a newcomer needs to make the first request.

And `aethergate ui`: the control room alone.
"""

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from admin_cli.fail import fail
from admin_cli.serve import Prepared, started

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway

MODEL_PATIENCE_SECONDS = 90.0
"""How long the welcome waits for the embedded model to be loaded."""
Host = Annotated[str, typer.Option(help="Address to bind.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to bind.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(epilog="Example: aethergate ui --api-url http://127.0.0.1:8000")(ui)
    app.command(epilog="Example: aethergate up --port 8000 --ui-port 8501")(up)


def ui(
    host: Host = "127.0.0.1",
    port: Port = 8501,
    api_url: Annotated[str | None, typer.Option(help="The gateway; else $AETHERGATE_URL.")] = None,
) -> None:
    """Serve the control room alone, for the gateway at --api-url, until Ctrl-C."""
    from pathlib import Path

    from infra.config import read_env

    # The room signs its cookies with a secret derived from SECRET_KEY.
    os.environ.update(read_env(Path.cwd(), os.environ))
    os.environ.setdefault("NICEGUI_STORAGE_PATH", ".aethergate/ui")
    try:
        _run_room(host, port, api_url or os.environ.get("AETHERGATE_URL") or "http://127.0.0.1:8000")
    except OSError as error:
        fail(f"Port {port} on {host} cannot be used ({error.strerror}): choose another with --port.")


def _run_room(host: str, port: int, api_url: str) -> None:
    import uvloop

    from ui.app import run

    async def room() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await run(host, port, api_url, stop)

    uvloop.run(room())


def up(
    config: Annotated[str | None, typer.Option(help="gateway.yaml; else $AETHERGATE_CONFIG, else ./gateway.yaml.")] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    ui_host: Annotated[str | None, typer.Option(help="Address of the control room; else --host.")] = None,
    ui_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the control room.")] = 8501,
) -> None:
    """Start the API and the control room, and print how to use them."""
    import uvloop

    from infra.config import ConfigError
    from infra.runtime.lock import DatabaseLocked
    from infra.runtime.serve import PortInUse, listen
    from infra.store.migrate import SchemaTooNew
    from infra.telemetry.lines import log_to_stderr

    try:
        prepared = Prepared.read(config, host, None)
        listen(ui_host or host, ui_port).close()  # say it now, not from a child process later
        listener = listen(host, port)
        log_to_stderr(level=30)
        uvloop.run(_up(prepared, listener, _reached(host, port), ui_host or host, ui_port))
    except (ConfigError, DatabaseLocked, PortInUse, SchemaTooNew) as error:
        fail(str(error))


def _reached(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"


async def _up(prepared: Prepared, listener, url: str, ui_host: str, ui_port: int) -> None:  # type: ignore[no-untyped-def]
    from admin_cli.welcome import ask_for_embedded, first_key, show
    from infra.runtime.lock import DatabaseLock
    from infra.runtime.serve import serve

    lock = DatabaseLock(prepared.database.path) if prepared.database.dialect == "sqlite" else None
    if lock is not None:
        lock.acquire(url)
    try:
        prepared.manifest = await ask_for_embedded(prepared.manifest)
        print("Starting…", flush=True)
        gateway = await started(prepared, url)
        room = _start_room(ui_host, ui_port, url, dict(os.environ))
        stop = asyncio.Event()
        serving = asyncio.create_task(serve(gateway, listener, stop))
        greeting = asyncio.create_task(_greet(gateway, prepared, url, _reached(ui_host, ui_port), first_key, show))
        await asyncio.wait({serving, asyncio.create_task(asyncio.to_thread(room.wait))}, return_when="FIRST_COMPLETED")
        if not serving.done():
            print(f"The control room ended with code {room.returncode}; the API goes on.", file=sys.stderr)
        await asyncio.wait({serving})
        greeting.cancel()
        _end(room)
        serving.result()
    finally:
        if lock is not None:
            lock.release()


async def _greet(gateway: "Gateway", prepared: Prepared, url: str, room_url: str, first_key, show) -> None:  # type: ignore[no-untyped-def]
    model = await _served_model(gateway)
    show(url, room_url, prepared.path, model, await first_key(gateway), gateway)


async def _served_model(gateway: "Gateway") -> str | None:
    """The first model of the file that a backend serves now; waits while an embedded one loads."""
    give_up = asyncio.get_running_loop().time() + MODEL_PATIENCE_SECONDS
    while True:
        states = {state.name: state for state in gateway.pool.states()}
        for model in gateway.manifest.models.values():
            state = states.get(model.targets[0].backend)
            known = state is not None and (not state.models or model.targets[0].upstream in state.models)
            if state is not None and state.up and known and model.price.output is not None:
                return model.id
        loading = any(state.adapter == "embedded" and "loading" in (state.why or "") for state in states.values())
        if not loading or asyncio.get_running_loop().time() > give_up:
            return None
        await asyncio.sleep(0.25)


def _start_room(host: str, port: int, api_url: str, environ: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "admin_cli", "ui", "--host", host, "--port", str(port), "--api-url", api_url]
    # A session of its own: Ctrl-C reaches us alone, and we end it when the last stream is done.
    return subprocess.Popen(command, env=environ, start_new_session=True)


def _end(room: "subprocess.Popen[bytes]") -> None:
    if room.poll() is None:
        room.terminate()
        try:
            room.wait(timeout=8)
        except subprocess.TimeoutExpired:
            room.kill()
            room.wait()
