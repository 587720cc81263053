"""The control room under a sub-path of a real nginx, with the lines that docs/control-room.md gives."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.standins.admin_api import ADMIN_KEY, AdminStandIn
from tests.ui.browser import Browser
from tests.ui.conftest import ROOT, Served, free_port, needs_browser

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
pytestmark = [needs_browser, pytest.mark.skipif(NGINX is None, reason="no nginx here (apt-get install nginx-light)")]
WHOLE = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, room: Served) -> Iterator[str]:
    """Serves the room on a sub-path; where."""
    [location] = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/control-room.md").read_text(), re.DOTALL)
    port = free_port()
    said = location.replace("http://127.0.0.1:8501/", room.url + "/")
    (folder / "nginx.conf").write_text(WHOLE.format(folder=folder, port=port, location=said))
    process = subprocess.Popen(
        [str(NGINX), "-p", str(folder), "-e", str(folder / "e"), "-c", str(folder / "nginx.conf")]
    )
    url = f"http://127.0.0.1:{port}/console"
    try:
        for _ in range(100):
            with contextlib.suppress(httpx.TransportError):
                assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


async def test_everything_stays_under_the_sub_path(
    tmp_path: Path, shared_room: Served, gateway: AdminStandIn, viewer: Browser
) -> None:
    with nginx(tmp_path, shared_room) as url:
        await viewer.open(f"{url}/users")
        await viewer.type("Admin key", ADMIN_KEY)
        await viewer.press("Enter")
        await viewer.see("$12.340000026")
        assert await viewer.run("location.pathname") == "/console/users"
        await viewer.click("alice")
        await viewer.see("Weight in the queue")
        assert (await viewer.run("location.pathname")).startswith("/console/users/user_")
        await viewer.click("Overview", "nav")
        await viewer.see("3 of 8 slots busy")
        gateway.streams = 43
        await viewer.until("[...document.querySelectorAll('.number')].some(e => e.innerText === '43')")
        await viewer.click("Sign out")
        await viewer.see("You are signed out.")
        assert await viewer.run("location.pathname") == "/console/sign-in"
