"""Every limit of gateway.yaml, of keys and of users, over real sockets; and who is braked for wrong keys."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.config.objects import Limits
from infra.identity.identity import BAD_ADMIN_KEYS_PER_MINUTE, BAD_KEYS_PER_MINUTE
from infra.store.models import User
from infra.units import Rate
from tests.infra.runtime.test_relay import CHAT, PATH, stream
from tests.standins.openai_backend import StandIn
from tests.standins.running import ADMIN_KEY, Running, running

MANIFEST = """
gateway: {{database: "{database}", trusted_proxies: [127.0.0.1]}}
backends:
  one: {{adapter: openai, url: "{backend}", slots: 16}}
models:
  stand-in: {{backend: one/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, {model}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions, limits: {{{endpoint}}}}}
  - {{routes: [GET /admin/users], function: functions.admin_users, access: admin}}
  - {{routes: [POST /admin/session], function: functions.admin_session, access: admin}}
"""


@pytest.fixture
async def backend() -> AsyncIterator[StandIn]:
    async with StandIn() as found:
        yield found


def gated(folder: Path, backend: StandIn, model: str = "limits: {}", endpoint: str = "") -> Any:
    return running(folder, MANIFEST, None, backend=backend.url, model=model, endpoint=endpoint)


async def statuses(gate: Running, *keys: str, count: int = 4) -> Counter[int]:
    """Of so many requests of each key, one after the other."""
    found: Counter[int] = Counter()
    for _ in range(count):
        for key in keys:
            answer = await gate.post(PATH, key, CHAT)
            found[answer.status_code] += 1
            if answer.status_code == 429:
                assert answer.json()["error"]["code"] == "rate_limit_exceeded"
                assert int(answer.headers["retry-after"]) >= 1
    return found


@pytest.mark.parametrize(
    ("where", "limits", "passing"),
    [
        ("endpoint", "requests: 3/m", 6),  # each key has its own
        ("endpoint", "total: {requests: 3/m}", 3),  # all callers together
        ("model", "limits: {requests: 3/m}", 6),
        ("model", "limits: {total: {requests: 3/m}}", 3),
        ("endpoint", "tokens: 400/m", 2),  # one reserves up to 300 and more, and is corrected to 8
        ("endpoint", "requests: 9/m, total: {requests: 2/m}", 2),  # the tightest counts
    ],
)
async def test_requests_and_tokens_of_endpoint_and_model(
    tmp_path: Path, backend: StandIn, where: str, limits: str, passing: int
) -> None:
    async with gated(tmp_path, backend, **{where: limits}) as gate:
        keys = [await gate.key("ada"), await gate.key("bob")]
        if "tokens" in limits:
            body = {**CHAT, "max_tokens": 60}
            answers = [await gate.post(PATH, key, body) for key in keys for _ in range(2)]
            assert [answer.status_code for answer in answers] == [200] * 4, "what was not used is given back"
            assert answers[-1].headers["x-ratelimit-remaining-tokens"] == "384"
            answers = [await gate.post(PATH, keys[0], {**body, "max_tokens": 300})]
            assert answers[0].status_code == 429
            return
        assert await statuses(gate, *keys) == {200: passing, 429: 8 - passing}
        await gate.settled()


async def test_a_keys_and_a_users_own_limits_hold_beside_the_endpoints(tmp_path: Path, backend: StandIn) -> None:
    async with gated(tmp_path, backend, endpoint="requests: 9/m") as gate:
        ada = await gate.key("ada", limits=Limits(requests=Rate(2, 60)))
        assert await statuses(gate, ada) == {200: 2, 429: 2}
        bob = await gate.key("bob")
        await User.filter(name="bob").update(limits_json='{"requests": "3/m"}')
        gate.gateway.identity.forget()
        assert await statuses(gate, bob) == {200: 3, 429: 1}


@pytest.mark.parametrize(
    "names",
    [{"endpoint": "concurrent: 2"}, {"model": "limits: {concurrent: 2}"}, {"endpoint": "total: {concurrent: 2}"}],
)
async def test_requests_at_once(tmp_path: Path, backend: StandIn, names: dict[str, str]) -> None:
    backend.script(pieces=3, delay=0.2)
    async with gated(tmp_path, backend, **names) as gate:
        key = await gate.key()
        answers = await asyncio.gather(*(gate.post(PATH, key, CHAT) for _ in range(5)))
        assert Counter(answer.status_code for answer in answers) == {200: 2, 429: 3}
        assert backend.running_max == 2
        assert (await gate.post(PATH, key, CHAT)).status_code == 200


async def test_the_time_of_an_endpoint_ends_a_stream_with_an_error_event(tmp_path: Path, backend: StandIn) -> None:
    backend.script(pieces=100, delay=0.1)
    async with gated(tmp_path, backend, endpoint="time: 1s") as gate:
        events = await stream(gate, await gate.key(), {**CHAT, "stream": True})
        assert events[-1]["error"]["code"] == "backend_timeout"
        await gate.settled()
        (row,) = await gate.requests()
        assert row.basis == "partial" and 1 <= row.output_tokens < 12
        assert not gate.gateway.pool.states()[0].failures, "the limit is ours, not the backend's fault"


async def test_wrong_keys_are_braked_by_the_address_that_a_trusted_proxy_names(
    tmp_path: Path, backend: StandIn
) -> None:
    async with gated(tmp_path, backend) as gate:
        key = await gate.key()

        async def ask(address: str, **headers: str) -> httpx.Response:
            return await gate.client.post(PATH, json=CHAT, headers={"x-forwarded-for": address, **headers})

        wrong = {"authorization": "Bearer sk-wrong"}
        ends = [(await ask("198.51.100.7", **wrong)).status_code for _ in range(3 * BAD_KEYS_PER_MINUTE)]
        assert set(ends[:BAD_KEYS_PER_MINUTE]) == {401}
        assert ends.count(429) > BAD_KEYS_PER_MINUTE / 2, "a bucket that leaks lets some more through"
        assert (await ask("203.0.113.9", **wrong)).status_code == 401, "another address"
        forged = {(await ask("10.9.9.9, 198.51.100.7", **wrong)).status_code for _ in range(4)}
        assert 429 in forged, "what a caller claims to have come through is not believed"
        assert (await ask("198.51.100.7", authorization=f"Bearer {key}")).status_code == 200, "a right key passes"


async def test_what_a_peer_that_is_no_trusted_proxy_says_of_its_address_counts_for_nothing(
    tmp_path: Path, backend: StandIn
) -> None:
    manifest = MANIFEST.replace("[127.0.0.1]", "[192.0.2.1]")
    async with running(tmp_path, manifest, None, backend=backend.url, model="limits: {}", endpoint="") as gate:
        ends = [
            (
                await gate.client.post(
                    PATH,
                    json=CHAT,
                    headers={"x-forwarded-for": f"198.51.100.{number}", "authorization": "Bearer sk-wrong"},
                )
            ).status_code
            for number in range(3 * BAD_KEYS_PER_MINUTE)
        ]
        assert set(ends[:BAD_KEYS_PER_MINUTE]) == {401}
        assert ends.count(429) > BAD_KEYS_PER_MINUTE / 2, "however many addresses it names, it is one caller"


@pytest.mark.parametrize("way", ["x-admin-key", "sign-in"])
async def test_wrong_admin_keys_are_braked_at_the_api_and_at_the_sign_in(
    tmp_path: Path, backend: StandIn, way: str
) -> None:
    async with gated(tmp_path, backend) as gate:

        async def ask(secret: str) -> int:
            headers = {"x-forwarded-for": "198.51.100.8", "x-admin-key": secret}
            if way == "sign-in":
                answer = await gate.client.post("/admin/session", headers=headers)
            else:
                answer = await gate.client.get("/admin/users", headers=headers)
            return answer.status_code

        ends = [await ask("wrong") for _ in range(BAD_ADMIN_KEYS_PER_MINUTE + 2)]
        assert ends == [401] * BAD_ADMIN_KEYS_PER_MINUTE + [429] * 2
        assert await ask(ADMIN_KEY) in (200, 201)
