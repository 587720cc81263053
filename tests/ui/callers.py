"""What ten open tabs of the control room cost the callers of the gateway: `make roomspeed ARGS="--only callers"`.

Turns without tabs and turns with them alternate, so that both kinds see the same machine, and each turn with tabs is
held against the two beside it. How far turns without tabs lie from one another by the same rule is the noise. The
gateway and its callers, who rest while it works, have the first core; the control room and the browser have the others.
What the tabs cost is also counted where noise reaches least: in the gateway's own CPU time, at the same pace of
requests.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx

from infra.client import AdminClient
from tests.ui.browser import Browser, Chromium
from tests.ui.demo import ADMIN_KEY, MODELS, DemoHouse
from tests.ui.screenshots import READY, sign_in

BUSIEST = ("/", "/live", "/requests", "/backends")
ROUNDS, SECONDS, PER_SECOND = 6, 6.0, 20
"""Turns with tabs, how long a turn lasts, and requests in a second of it."""
WARM_SECONDS, CALM_SECONDS = 3.0, 2.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: the median of the requests, and the gateway's CPU time for all that it did meanwhile."""

    p50_ms: float
    requests: int
    cpu_ms_per_second: float

    def __str__(self) -> str:
        return f"p50 {self.p50_ms:6.2f} ms of {self.requests}, CPU {self.cpu_ms_per_second:6.1f} ms/s"


async def callers(house: DemoHouse, tabs: int, rounds: int = ROUNDS) -> None:
    """The turns, and what they say; prints."""
    key = await _key(house)
    alone, watched = list[Turn](), list[Turn]()
    async with httpx.AsyncClient(base_url=house.url, trust_env=False, timeout=30) as http:
        await _turn(house, http, key, WARM_SECONDS)
        alone.append(_told("no tab", await _turn(house, http, key, SECONDS)))
        for _ in range(rounds):
            async with _tabs(house, tabs):
                watched.append(_told(f"{tabs} tabs", await _turn(house, http, key, SECONDS)))
            await asyncio.sleep(CALM_SECONDS)
            alone.append(_told("no tab", await _turn(house, http, key, SECONDS)))
    _conclude(alone, watched, tabs)


def _told(kind: str, turn: Turn) -> Turn:
    print(f"{kind:8} {turn}", flush=True)
    return turn


def _conclude(alone: Sequence[Turn], watched: Sequence[Turn], tabs: int) -> None:
    pairs = [(turn, before, after) for turn, before, after in zip(watched, alone[:-1], alone[1:], strict=True)]
    for turn, before, after in pairs:
        print(f"pair: without {(before.p50_ms + after.p50_ms) / 2:.2f} ms, with {tabs} tabs {turn.p50_ms:.2f} ms")
    ratios = [2 * turn.p50_ms / (before.p50_ms + after.p50_ms) for turn, before, after in pairs]
    noise = [
        2 * turn.p50_ms / (before.p50_ms + after.p50_ms)
        for before, turn, after in zip(alone[:-2], alone[1:-1], alone[2:], strict=True)
    ]
    print(f"p50 with {tabs} tabs: {_spread(ratios)}; noise, turns without tabs among themselves: {_spread(noise)}")
    cpu = statistics.median(turn.cpu_ms_per_second for turn in alone)
    more = [
        turn.cpu_ms_per_second - (before.cpu_ms_per_second + after.cpu_ms_per_second) / 2
        for turn, before, after in pairs
    ]
    print(f"the gateway's CPU: {cpu / PER_SECOND:.2f} ms a request without tabs")
    print(f"{tabs} tabs take {statistics.median(more):.1f} ms of its CPU a second ({min(more):.1f} to {max(more):.1f})")


def _spread(ratios: Sequence[float]) -> str:
    low, middle, high = (100 * (ratio - 1) for ratio in (min(ratios), statistics.median(ratios), max(ratios)))
    return f"{middle:+.1f} % ({low:+.1f} to {high:+.1f})"


async def _key(house: DemoHouse) -> str:
    async with AdminClient(house.url, token=ADMIN_KEY) as admin:
        name = f"timed-{time.time_ns()}"
        await admin.add_user(name, "1000")
        return str((await admin.add_key(name))["key"])


async def _turn(house: DemoHouse, http: httpx.AsyncClient, key: str, seconds: float) -> Turn:
    """One embedding after another at an even pace."""
    body, headers = {"model": MODELS[-1], "input": "one two three"}, {"authorization": f"Bearer {key}"}
    took, first, cpu = list[float](), time.monotonic(), house.gateway_cpu()
    for place in range(int(seconds * PER_SECOND)):
        await asyncio.sleep(max(0.0, first + place / PER_SECOND - time.monotonic()))
        began = time.perf_counter()
        answer = await http.post("/v1/embeddings", json=body, headers=headers)
        took.append(1_000 * (time.perf_counter() - began))
        answer.raise_for_status()
    return Turn(statistics.median(took), len(took), 1_000 * (house.gateway_cpu() - cpu) / (time.monotonic() - first))


@contextlib.asynccontextmanager
async def _tabs(house: DemoHouse, tabs: int) -> AsyncIterator[None]:
    """So many windows on the busiest pages; signed out at the end, so that nothing of them asks any more."""
    async with contextlib.AsyncExitStack() as stack:
        chromium = stack.enter_context(Chromium(house.others))
        cookies: list[object] = []
        for place in range(tabs):  # a window each: a tab behind another would rightly ask nothing
            browser = await stack.enter_async_context(Browser(chromium.address))
            if cookies:
                await browser.say("Network.setCookies", cookies=cookies)
            else:
                await sign_in(browser, house)
                cookies = (await browser.say("Network.getCookies", urls=[house.room]))["cookies"]
            await browser.open(house.room + BUSIEST[place % len(BUSIEST)])
            await browser.until(f"{READY} && !document.hidden")
            for told in ("Network", "Runtime", "Log", "Page"):  # or reading what it tells would delay who is timed
                await browser.say(f"{told}.disable")
        await asyncio.sleep(CALM_SECONDS)
        yield
        await browser.run("room.signOut()")
        await browser.see("You are signed out.")
