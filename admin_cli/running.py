"""`serve` and `up`: the API in this process, in several, or together with the control room."""

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
    prepared = prepare(config, host, only)
    if workers > 1:
        _check_workers(prepared.manifest, workers)

    from infra.runtime.listener import bind
    from infra.runtime.loop import run
    from infra.runtime.serve import Stop, serve
    from infra.telemetry.lines import log_to_stderr

    log_to_stderr()
    if workers > 1:
        from infra.runtime.workers import Workers

        with bind(host, port) as listening:
            run(Workers(_again(prepared, host, only), listening, workers).run())
        return
    stop, ready = Stop(), None
    if fd is not None:
        from infra.runtime.workers import worker

        ready = worker(stop)
    listening = socket.socket(fileno=fd) if fd is not None else bind(host, port)
    run(serve(prepared.manifest, prepared.secrets, listening, only=only, stop=stop, ready=ready))


def _check_workers(manifest: "Manifest", workers: int) -> None:
    if place.database(manifest).dialect == "sqlite":
        raise Refusal(
            f"--workers {workers} needs PostgreSQL: a SQLite file has one writing process, and several would wait for "
            "each other at every request; set DATABASE_URL, or serve with one"
        )


def _again(prepared: Prepared, host: str, only: str | None) -> list[str]:
    """This command for one worker."""
    command = [sys.executable, "-m", "admin_cli", "serve", "--config", str(prepared.here.path), "--host", host]
    return [*command, *(["--only", only] if only else [])]


def serve_together(config: str | None, host: str, port: int, ui_port: int, *, ask: bool) -> None:
    """API here, control room as a child; `ask` whether a person is there to be asked."""
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
