"""`aethergate serve`: the API, in this process or in several workers."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from admin_cli.fail import fail


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(epilog="Example: aethergate serve --host 0.0.0.0 --port 8000")(serve)


def serve(
    config: Annotated[str | None, typer.Option(help="gateway.yaml; else $AETHERGATE_CONFIG, else ./gateway.yaml.")] = None,
    host: Annotated[str, typer.Option(help="Address to bind.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to bind.")] = 8000,
    only: Annotated[str | None, typer.Option(metavar="FUNCTION", help="Serve this one function (and health).")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; more than one needs PostgreSQL.")] = 1,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API until Ctrl-C; SIGHUP reloads gateway.yaml."""
    from infra.config import ConfigError
    from infra.runtime.lock import DatabaseLocked
    from infra.runtime.serve import PortInUse, listen
    from infra.store.migrate import SchemaTooNew

    try:
        prepared = Prepared.read(config, host, only)
        if workers > 1 and fd is None:
            raise SystemExit(_supervise(prepared, config, host, port, only, workers))
        listener = socket.socket(fileno=fd) if fd is not None else listen(host, port)
        url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{listener.getsockname()[1]}"
        run(prepared, listener, url)
    except (ConfigError, DatabaseLocked, PortInUse, SchemaTooNew) as error:
        fail(str(error))


class Prepared:
    """What serving needs, checked before anything is opened."""

    def __init__(self, path: Path, environ: dict[str, str], host: str, only: str | None) -> None:
        from infra.config import ConfigError, check_exposure, database_url, load, secrets

        self.path = path
        self.manifest = load(path, environ)
        self.secrets = secrets(environ)
        self.only = only
        self.database = database_url(self.manifest.gateway.database)
        check_exposure(host, self.secrets)
        names = [endpoint.name for endpoint in self.manifest.endpoints]
        if only is not None and only not in names:
            raise ConfigError(f"There is no function {only!r} in {path.name}: it has {', '.join(names)}.")

    @classmethod
    def read(cls, config: str | None, host: str, only: str | None) -> "Prepared":
        """Finds and reads gateway.yaml and .env; raises ConfigError."""
        from infra.config import find, read_env

        path = find(config, os.environ)
        return cls(path, read_env(path.resolve().parent, os.environ), host, only)


def run(prepared: Prepared, listener: socket.socket, url: str) -> None:
    """Serves in this process until a signal. Raises DatabaseLocked, SchemaTooNew."""
    import uvloop

    from infra.telemetry.lines import log_to_stderr

    log_to_stderr()
    uvloop.run(_serve(prepared, listener, url))


async def _serve(prepared: Prepared, listener: socket.socket, url: str) -> None:
    from infra.runtime.lock import DatabaseLock
    from infra.runtime.serve import serve as serve_gateway

    lock = DatabaseLock(prepared.database.path) if prepared.database.dialect == "sqlite" else None
    if lock is not None:
        lock.acquire(url)
    try:
        gateway = await started(prepared, url)
        await serve_gateway(gateway, listener)
    finally:
        if lock is not None:
            lock.release()


async def started(prepared: Prepared, url: str):  # type: ignore[no-untyped-def]
    """A gateway that serves; raises SchemaTooNew, ConfigError where the database cannot be opened."""
    import asyncpg

    from infra.config import ConfigError
    from infra.runtime.gateway import Gateway

    gateway = Gateway.create(prepared.manifest, prepared.secrets, only=prepared.only)
    try:
        await gateway.start(url=url)
    except (OSError, asyncpg.PostgresError) as error:
        raise ConfigError(f"The database {prepared.database} cannot be opened: {error}") from None
    return gateway


def _supervise(
    prepared: Prepared, config: str | None, host: str, port: int, only: str | None, workers: int
) -> int:
    from infra.config import ConfigError
    from infra.runtime.serve import listen
    from infra.runtime.supervisor import Supervisor, worker_command
    from infra.telemetry.lines import log_to_stderr

    if prepared.database.dialect == "sqlite":
        raise ConfigError(
            "SQLite takes one worker: several processes would wait for each other's writes. Set DATABASE_URL to"
            " PostgreSQL for --workers, or leave it out."
        )
    log_to_stderr()
    print(
        "With several workers, rate limits, slots and the queue are counted per worker; money is exact across all.",
        file=sys.stderr,
    )
    listener = listen(host, port)
    arguments = ["serve", "--config", str(prepared.path), "--host", host, "--fd", str(listener.fileno())]
    arguments += ["--only", only] if only else []
    return Supervisor(worker_command(arguments), workers, listener.fileno()).run()


