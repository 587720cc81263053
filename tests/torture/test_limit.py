"""A limit that a customer was promised is exact over all processes."""

import asyncio
from collections import Counter

import httpx
import pytest

from infra.client import AdminClient
from tests.standins.running import ADMIN_KEY
from tests.torture.cluster import FULL, Cluster
from tests.torture.load import CHAT, PATH


@pytest.mark.parametrize("gates", ["sqlite-2", "postgres-2"], indirect=True)
async def test_of_three_hundred_requests_exactly_the_hundred_of_a_key_pass(gates: Cluster) -> None:
    limit, sent, seconds = (100, 300, 10) if FULL else (20, 60, 2)
    await gates.start()
    async with AdminClient(gates.urls()[0], token=ADMIN_KEY) as admin:
        await admin.add_user("ada", "1000")
        key = str((await admin.add_key("ada", rate_limit=f"{limit}/m"))["key"])
    urls, ends = gates.urls(), Counter[int]()

    async def one(number: int) -> None:
        await asyncio.sleep(seconds * number / sent)
        # Each on a connection of its own, so that two workers on one port both get their share.
        async with httpx.AsyncClient(timeout=60, verify=False) as http:
            headers = {"authorization": f"Bearer {key}"}
            answer = await http.post(urls[number % len(urls)] + PATH, json=CHAT, headers=headers)
        ends[answer.status_code] += 1

    await asyncio.gather(*(one(number) for number in range(sent)))
    print(f"\n{gates.kind}: {sent} requests in {seconds} s at {limit}/m: {dict(ends)}")
    assert ends == {200: limit, 429: sent - limit}
    served = {row["instance"] for row in (await gates.rows()).values() if row["status"] == 200}
    assert len(served) == 2, "both processes served"
    await gates.resolved(2)
    await gates.proved()
