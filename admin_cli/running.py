"""`serve` and `up`: the API in this process, in several, or together with the control room."""

import gc
import logging
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from admin_cli import place
from admin_cli.trouble import Refusal

if TYPE_CHECKING:
    from infra.config.objects import Manifest, Secrets
    from infra.runtime.gateway import Gateway


@dataclass
class Prepared:
    """What serving needs, checked before anything is opened."""

    here: place.Place
    manifest: "Manifest"
    secrets: "Secrets"


def prepare(config: str | None, host: str, only: str | None = None) -> Prepared:
    """Raises ConfigError, Refusal."""
    from infra.config import check_exposure

    here = place.find(config)
    manifest, secrets = here.manifest(), here.secrets()
    check_exposure(host, secrets)
    _check_only(manifest, only)
    return Prepared(here, manifest, secrets)


def _check_only(manifest: "Manifest", only: str | None) -> None:
    from infra.config.faults import did_you_mean

    names = [endpoint.name for endpoint in manifest.endpoints]
    if only is not None and only not in names:
        raise Refusal(f"no function is called {only}{did_you_mean(only, names)}")


def serve_alone(config: str | None, host: str, port: int, only: str | None, workers: int, fd: int | None) -> None:
    """Until a signal; with `fd` as a worker on its parent's socket."""
    gc.disable()  # until `still_heap`: all that the start makes stays, and the looks through it took a sixth of it
    prepared = prepare(config, host, only)

    from infra.runtime.listener import bind
    from infra.runtime.loop import run
    from infra.runtime.serve import Stop, serve
    from infra.telemetry.lines import log_to_stderr

    log_to_stderr()
    if workers > 1:
        serve_workers(prepared, host, port, only, workers)
        return
    stop, ready = Stop(), None
    if fd is not None:
        from infra.runtime.workers import worker

        ready = worker(stop)
    listening = socket.socket(fileno=fd) if fd is not None else bind(host, port)
    is_worker = fd is not None
    run(serve(prepared.manifest, prepared.secrets, listening, only=only, stop=stop, ready=ready, worker=is_worker))


def serve_workers(prepared: Prepared, host: str, port: int, only: str | None, workers: int) -> None:
    """Several processes on one socket, and this one that keeps them; raises DatabaseLocked, CannotListen."""
    from infra.runtime.listener import bind, url_of
    from infra.runtime.loop import run
    from infra.runtime.serve import locked, still_heap
    from infra.runtime.workers import Workers, resolve_the_dead

    database = place.database(prepared.manifest)
    with bind(host, port) as listening, locked(database, url_of(listening)) as lock:
        if database.dialect == "sqlite":
            _say_why_one()
            run(resolve_the_dead(database))
        still_heap()
        run(Workers(_again(prepared, host, only), listening, workers, database, lock).run())


def _say_why_one() -> None:
    from admin_cli.output import note

    note(
        "Several workers on one SQLite file take turns at every write, which is why one is the default; with PostgreSQL"
        " (DATABASE_URL) they do not wait for each other."
    )


def _again(prepared: Prepared, host: str, only: str | None) -> list[str]:
    """This command for one worker."""
    command = [sys.executable, "-m", "admin_cli", "serve", "--config", str(prepared.here.path), "--host", host]
    return [*command, *(["--only", only] if only else [])]


def serve_together(config: str | None, host: str, port: int, ui_port: int, *, ask: bool) -> None:
    """API here, control room as a child; `ask` whether a person is there to be asked."""
    gc.disable()  # as in serve_alone
    prepared = prepare(config, host)

    from admin_cli import welcome
    from infra.runtime.listener import bind
    from infra.runtime.loop import run
    from infra.telemetry.lines import log_to_stderr

    log_to_stderr(logging.WARNING if sys.stderr.isatty() else logging.INFO)
    bind(host, ui_port, "--ui-port").close()  # said here and now, not by the child later
    with bind(host, port) as listening:
        if ask:
            prepared.manifest = welcome.offer_embedded(prepared.manifest)
        run(_together(prepared, listening, host, ui_port))


async def _together(prepared: Prepared, listening: socket.socket, host: str, ui_port: int) -> None:
    from admin_cli import output, welcome
    from admin_cli.room import Room
    from infra.runtime.listener import url_of
    from infra.runtime.serve import Stop, serve

    stop = Stop()
    room = Room(host, ui_port, url_of(listening), prepared.secrets.secret_key)

    async def greet(gateway: "Gateway", url: str) -> None:
        words = await welcome.words(prepared, gateway, url, room.url)
        if not await room.answers():
            words.append(f"The control room does not answer at {room.url} yet; it is still starting.")
        output.lines(words)
        await stop.drain.wait()
        output.lines(welcome.farewell(len(gateway.relays)))

    room.start()
    try:
        await serve(prepared.manifest, prepared.secrets, listening, stop=stop, ready=greet)
    finally:
        await room.stop()
