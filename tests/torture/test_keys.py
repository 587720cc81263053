"""Who may spend is the same everywhere: a key that one process revokes is refused by all of them soon."""

import asyncio
import time

import httpx
import pytest

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.torture.cluster import Cluster
from tests.torture.load import CHAT, PATH


async def asked(url: str, key: str) -> int:
    """The status of one request on a connection of its own, which any of several workers may take."""
    async with httpx.AsyncClient(verify=False, timeout=30) as http:
        answer = await http.post(url + PATH, json=CHAT, headers={"authorization": f"Bearer {key}"})
    return answer.status_code


@pytest.mark.parametrize("gates", ["sqlite-2", "postgres-2"], indirect=True)
@pytest.mark.parametrize("way", ["revoked", "switched off"])
async def test_a_revoked_key_is_refused_by_every_process_within_five_seconds(gates: Cluster, way: str) -> None:
    gates.backend.script(pieces=1)
    await gates.start()
    urls = gates.urls()
    async with AdminClient(urls[0], token=ADMIN_KEY) as admin:
        await admin.add_user("ada", "10.00")
        made = await admin.add_key("ada")
        key = str(made["key"])
        before = [await asked(urls[n % len(urls)], key) for n in range(24)]
        assert set(before) == {200}  # all processes know the key by now, and keep what they know
        if way == "revoked":
            await admin.revoke_key(made["id"])
        else:
            await admin.change_user("ada", active=False)
    over = time.monotonic()
    accepted_at = over
    while time.monotonic() - over < 7:
        statuses = await asyncio.gather(*(asked(url, key) for url in urls for _ in range(4)))
        if 200 in statuses:
            accepted_at = time.monotonic()
    print(f"\n{gates.kind}: {way}, last taken {accepted_at - over:.1f} s later")
    assert accepted_at - over <= 5
    await gates.proved()
