"""The control room stops when told, with tabs open, and says so when its port is taken."""

import asyncio
import signal
import socket
import subprocess
import sys
import time

import httpx
import websockets

from tests.standins.admin_api import ADMIN_KEY, AdminStandIn
from tests.ui.conftest import ROOT, Served


async def test_an_open_tab_does_not_hold_the_exit_back(room: Served, own_gateway: AdminStandIn) -> None:
    async with httpx.AsyncClient(base_url=room.url, trust_env=False) as browser:
        await browser.post("/sign-in", data={"key": ADMIN_KEY})
        assert (await browser.get("/")).status_code == 200
    socket_url = room.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    async with websockets.connect(socket_url, proxy=None) as tab:
        assert str(await tab.recv()).startswith("0{")  # the socket is open as a browser's would be
        began = time.monotonic()
        room.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(room.process.wait, 10)
    assert code == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in room.log.read_text()


async def test_a_tab_that_is_closed_while_its_socket_is_greeted_is_no_fault(shared_room: Served) -> None:
    """A room's log must hold no traceback."""
    socket_url = shared_room.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for _ in range(40):
        tab = await websockets.connect(socket_url, proxy=None)
        await tab.recv()
        await tab.send("40")
        tab.transport.abort()


def test_a_port_in_use_is_an_os_error_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "tests.ui.serve", str(taken.getsockname()[1]), "http://127.0.0.1:9"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "OSError: [Errno 98] Address already in use" in ended.stderr
    assert "LifespanFailureError" not in ended.stderr
