"""The control room: served by `aethergate ui`, and kept going as a child by `aethergate up`."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from admin_cli import place
from admin_cli.trouble import Refusal

PATIENCE_SECONDS = 30.0
"""NiceGUI takes its time to load."""
STOP_SECONDS = 8.0
RESPAWN_SECONDS = 2.0


def serve_room(config: str | None, host: str, port: int, api_url: str | None, lifeline: bool) -> None:
    """Until a signal, or with `lifeline` the end of standard input. Raises Refusal."""
    environ = _environ(config)
    _check_exposure(host, environ)
    # The room signs its cookies with a secret derived from this one.
    os.environ["SECRET_KEY"] = environ.get("SECRET_KEY", "")

    from infra.runtime.listener import taken
    from infra.runtime.loop import run

    try:
        run(_serve(host, port, api_url or _api_url(config), lifeline))
    except OSError as wrong:
        raise Refusal(taken(host, port, wrong)) from None


def _environ(config: str | None) -> Mapping[str, str]:
    """With the .env beside gateway.yaml; the room may also run where there is none."""
    from infra.config import ConfigError, read_env

    try:
        return place.find(config).environ
    except (ConfigError, Refusal):
        return read_env(Path(), os.environ)


def _check_exposure(host: str, environ: Mapping[str, str]) -> None:
    from infra.config import check_exposure
    from infra.config.objects import Secrets

    key = environ.get("SECRET_KEY", "")
    if key:
        # Only this one is used here; the admin key is typed into the browser.
        check_exposure(host, Secrets(secret_key=key, master_api_key=environ.get("MASTER_API_KEY") or key))


def _api_url(config: str | None) -> str:
    """$AETHERGATE_URL, else who serves this folder's SQLite file, else the default address."""
    from infra.config import ConfigError
    from infra.runtime.lock import DatabaseLock

    url = os.environ.get(place.URL, "").strip()
    if url:
        return url
    with contextlib.suppress(ConfigError, Refusal):  # without a usable gateway.yaml here the default address it is
        database = place.database(place.find(config).manifest())
        url = (DatabaseLock(database.path).holder() or "") if database.dialect == "sqlite" else ""
    return url or "http://127.0.0.1:8000"


async def _serve(host: str, port: int, api_url: str, lifeline: bool) -> None:
    from infra.runtime.lifeline import until_end_of_input
    from ui.app import run as run_room

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(run_room(host, port, api_url, stop=stop))
    watching = asyncio.create_task(until_end_of_input()) if lifeline else None
    await asyncio.wait({serving, *([watching] if watching else [])}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    if watching is not None:
        watching.cancel()
    await serving


class Room:
    """The control room as a child process: replaced when it dies, gone when we are."""

    def __init__(self, host: str, port: int, api_url: str, secret_key: str) -> None:
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        self.url = f"http://{shown}:{port}"
        self._command = [sys.executable, "-m", "admin_cli", "ui", "--host", host, "--port", str(port)]
        self._command += ["--api-url", api_url, "--lifeline"]
        self._environ = {**os.environ, "SECRET_KEY": secret_key}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts it and returns at once."""
        self._task = asyncio.create_task(self._keep(), name="control room")

    async def _keep(self) -> None:
        while True:
            code = await self._live()
            sys.stderr.write(f"The control room ended with code {code}; it starts again. The API goes on.\n")
            await asyncio.sleep(RESPAWN_SECONDS)

    async def _live(self) -> int:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environ,
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: the room stays while the last streams finish
        )
        try:
            return await child.wait()
        finally:
            await asyncio.shield(_end(child))

    async def answers(self) -> bool:
        """Waits until it serves, at most half a minute."""
        import httpx

        async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
            for _ in range(int(PATIENCE_SECONDS / 0.1)):
                with contextlib.suppress(httpx.HTTPError):
                    return (await http.get(f"{self.url}/health")).is_success
                await asyncio.sleep(0.1)
        return False

    async def stop(self) -> None:
        """Returns when it is gone."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _end(child: asyncio.subprocess.Process) -> None:
    """Cuts its life line and waits; one that does not obey is killed."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        await asyncio.wait_for(child.wait(), STOP_SECONDS)
    except TimeoutError:
        child.kill()
        await child.wait()
