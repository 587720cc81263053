"""Headless Chromium over the DevTools protocol: what a viewer sees, types and clicks, and what the console says.

with Chromium() as chromium:
    async with Browser(chromium.address) as browser:      # a tab with cookies of its own
        await browser.open(url)
        await browser.see("Sign in")
        browser.faults, browser.hosts     # console errors and exceptions; every host that was asked
"""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import websockets

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
    "--remote-debugging-port=0",
)  # fmt: skip


class Chromium:
    """The process, with an empty profile; `address` is where its DevTools listen; on `cores` where some are named."""

    address: str

    def __init__(self, cores: Collection[int] = ()) -> None:
        self._cores = cores

    def __enter__(self) -> Self:
        assert BINARY, "no Chromium here"
        self._profile = tempfile.mkdtemp(prefix="aethergate-browser-")
        command = [BINARY, *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self._cores:  # before it has children, which inherit them
            os.sched_setaffinity(self._process.pid, self._cores)
        said = Path(self._profile) / "DevToolsActivePort"
        for _ in range(300):
            if said.exists() and len(lines := said.read_text().split()) == 2:
                self.address = f"ws://127.0.0.1:{lines[0]}{lines[1]}"
                return self
            time.sleep(0.1)
        self.__exit__()
        raise TimeoutError("Chromium did not open its DevTools port within 30 s")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self._profile, ignore_errors=True)


class Browser:
    """One tab with cookies of its own."""

    def __init__(self, address: str, width: int = 1360, height: int = 900) -> None:
        self._address, self._size, self._phone = address, (width, height), False
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self._next = 0
        self.faults: list[str] = []
        self.hosts: set[str] = set()

    async def __aenter__(self) -> Self:
        self._socket = await websockets.connect(self._address, max_size=None, proxy=None)
        self._reading = asyncio.create_task(self._read())
        own = await self.say("Target.createBrowserContext", disposeOnDetach=True)
        target = await self.say("Target.createTarget", url="about:blank", browserContextId=own["browserContextId"])
        attached = await self.say("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.say(f"{domain}.enable")
        await self.size(*self._size)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                waiting = self._answers.pop(message["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            else:
                self._note(message["method"], message["params"])

    def _note(self, event: str, found: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            details = found["exceptionDetails"]
            self.faults.append(str(details.get("exception", {}).get("description") or details["text"]))
        elif event == "Runtime.consoleAPICalled" and found["type"] in ("error", "assert"):
            self.faults.append(" ".join(str(part.get("value", part.get("description"))) for part in found["args"]))
        elif event == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.faults.append(f"{found['entry']['text']} {found['entry'].get('url', '')}")
        elif event in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            url = found.get("url") or found["request"]["url"]
            if urlsplit(url).scheme not in ("data", "blob", "about"):
                self.hosts.add(urlsplit(url).netloc)

    async def say(self, method: str, **params: Any) -> dict[str, Any]:
        """One DevTools command; raises RuntimeError with the browser's own words."""
        self._next += 1
        number = self._next
        self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        await self._socket.send(json.dumps(message))
        answer = await asyncio.wait_for(self._answers[number], 30)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    async def size(self, width: int, height: int, phone: bool = False) -> None:
        """The viewport, in CSS pixels."""
        self._phone, scale = phone, 2 if phone else 1
        await self.say(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )

    async def open(self, url: str) -> None:
        """Goes to `url`; does not wait for more than the first bytes."""
        await self.say("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression; raises RuntimeError when it throws."""
        found = await self.say("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    async def until(self, script: str, seconds: float = 20) -> Any:
        """Waits until the expression is true; its value."""
        value = None
        for _ in range(int(seconds / 0.1)):
            try:
                value = await self.run(script)
            except RuntimeError:
                value = None  # between two pages there is no document
            if value:
                return value
            await asyncio.sleep(0.1)
        raise TimeoutError(f"not within {seconds} s: {script}\nthe page says: {await self.text()}")

    async def text(self) -> str:
        """All that is readable on the page."""
        return str(await self.run("document.body ? document.body.innerText : ''"))

    async def see(self, words: str, seconds: float = 20) -> None:
        """Waits until the words stand on the page."""
        await self.until(f"document.body && document.body.innerText.includes({json.dumps(words)})", seconds)

    async def gone(self, words: str, seconds: float = 20) -> None:
        """Waits until the words no longer stand on the page."""
        await self.until(f"document.body && !document.body.innerText.includes({json.dumps(words)})", seconds)

    async def click(self, words: str, inside: str = "body") -> None:
        """Clicks the innermost thing that reads or is labelled `words`, with a real mouse event at its middle."""
        find = _FIND % (json.dumps(inside), json.dumps(words))
        spot, before = await self.until(find), None
        while spot != before:  # dialogs slide in: a click goes where the thing has come to rest
            await asyncio.sleep(0.05)
            spot, before = await self.until(find), spot
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            held = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            await self.say("Input.dispatchMouseEvent", type=kind, x=spot["x"], y=spot["y"], **held)

    async def settled(self) -> None:
        """Waits for a dialog that comes in: it takes the focus to its first field once it is there."""
        await self.until("!document.querySelector('.q-transition--scale-enter-active, .q-dialog__inner--animating')")

    async def type(self, label: str, text: str) -> None:
        """Puts `text` into the field of that label, in place of what stands there."""
        await self.settled()
        await self.until(_FOCUS % json.dumps(label))
        await self.run("document.activeElement.select && document.activeElement.select()")
        await self.say("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """A key: Enter, Escape, Tab, or one letter."""
        codes = {"Enter": 13, "Escape": 27, "Tab": 9}
        more = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        code = codes.get(key) or ord(key.upper())
        for kind in ("keyDown", "keyUp"):
            await self.say("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

    async def shoot(self, path: Path, tallest: int = 2_400) -> None:
        """A screenshot of the whole page as PNG, at most so tall, as a window of that height would show it."""
        width, height = self._size
        await self.say("Emulation.setScrollbarsHidden", hidden=True)
        whole = int(await self.run("document.documentElement.scrollHeight"))
        await self.size(width, max(height, min(whole, tallest)), self._phone)
        await asyncio.sleep(0.3)
        found = await self.say("Page.captureScreenshot", format="png")
        await self.size(width, height, self._phone)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(found["data"]))


_FIND = """(() => {
  const roots = [...document.querySelectorAll(%s)], words = %s;
  const seen = e => { const b = e.getBoundingClientRect(); return b.width && b.height ? b : null; };
  const says = e => (e.innerText || "").trim() === words || e.getAttribute("aria-label") === words;
  const hit = roots.flatMap(root => [...root.querySelectorAll("*")]).filter(e => says(e) && seen(e)).pop();
  if (!hit) return null;
  hit.scrollIntoView({block: "center", behavior: "instant"});
  const box = seen(hit);
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  if (!top || !(hit.contains(top) || top.contains(hit))) return null;
  return {x: box.left + box.width / 2, y: box.top + box.height / 2};
})()"""
_FOCUS = """(() => {
  const label = %s, fields = [...document.querySelectorAll("input, textarea")];
  const field = fields.find(f => f.getAttribute("aria-label") === label
    || [...(f.labels || [])].some(l => l.innerText.trim().startsWith(label)));
  if (!field || !field.getBoundingClientRect().width) return false;
  field.focus();
  return true;
})()"""
DRAWN = """[...document.querySelectorAll(".chart canvas")].filter(canvas => {
  const found = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  for (let at = 0; at < found.length; at += 4) {
    if (found[at + 3] === 255 && Math.abs(found[at] - found[at + 2]) > 60) return true;
  }
  return false;
}).length"""
"""How many charts show something in a colour that neither their grid nor their words have."""
