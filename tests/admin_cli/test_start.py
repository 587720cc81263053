"""What a start does not load: the time that a start takes is mostly that of its imports."""

import gc
import re
import signal
import subprocess
import sys
import time

from infra.runtime.serve import still_heap
from tests.admin_cli.conftest import Shell

PATIENCE_SECONDS = 60
NEVER_SERVED = ("nicegui", "ui", "infra.client", "rich", "pygments", "uvicorn", "fastapi", "jsonschema", "xllamacpp")


def loaded(told: str) -> set[str]:
    """The modules of `python -X importtime`."""
    return set(re.findall(r"^import time:.*\| +(\S+)$", told, re.MULTILINE))


def test_serve_loads_nothing_of_the_room_the_client_and_the_pretty_printing(shell: Shell) -> None:
    shell.done("init")
    errors = shell.folder / "serve.err"
    with errors.open("wb") as file:
        command = [sys.executable, "-X", "importtime", "-m", "admin_cli", "serve", "--port", "0"]
        process = subprocess.Popen(command, cwd=shell.folder, env=shell.whole_environ(), stderr=file)
    try:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while '"event":"serving"' not in errors.read_text():
            assert process.poll() is None and time.monotonic() < give_up, errors.read_text()[-2000:]
            time.sleep(0.05)
        found = loaded(errors.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert {"infra.runtime.gateway", "aiohttp"} <= found
    assert found.isdisjoint(NEVER_SERVED), found & set(NEVER_SERVED)


def test_help_loads_neither_the_gateway_nor_the_client(shell: Shell) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "admin_cli", "--help"]
    done = subprocess.run(command, cwd=shell.folder, env=shell.whole_environ(), capture_output=True, text=True)
    found = loaded(done.stderr)
    assert done.returncode == 0 and "admin_cli.app" in found
    assert found.isdisjoint({"httpx", "infra.client", "infra.config", "tortoise", "quart", "nicegui"})


def test_the_collector_which_is_off_while_the_gateway_starts_is_on_while_it_serves() -> None:
    threshold = gc.get_threshold()
    gc.disable()
    try:
        still_heap()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        gc.enable()
