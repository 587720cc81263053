"""The owner's switch of a backend over the admin API."""

from pathlib import Path

from infra.runtime import drains
from tests.functions.trade.owner import CHAT, MANIFEST, Owner
from tests.standins.openai_backend import StandIn
from tests.standins.running import running

PATH = "/v1/chat/completions"


async def test_a_drained_backend_is_shown_refuses_and_comes_back(owner: Owner) -> None:
    key = await owner.running.key()
    shown = await owner.done("PATCH", "/admin/backends/one", {"drain": True})
    assert (shown["name"], shown["draining"], shown["available"], shown["opens_at"]) == ("one", True, [], None)
    refused = await owner.running.post(PATH, key, CHAT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_backend")
    assert refused.headers["x-should-retry"] == "false"
    await owner.done("PATCH", "/admin/backends/one", {"drain": True})
    assert (await owner.done("PATCH", "/admin/backends/one", {"drain": False}))["draining"] is False
    assert (await owner.running.post(PATH, key, CHAT)).status_code == 200
    events = (await owner.done("GET", "/admin/audit-events"))["data"]
    assert [event["action"] for event in events if event["target"] == "one"] == ["backend.undrain", "backend.drain"]


async def test_it_lasts_over_a_restart_and_reaches_other_processes(
    tmp_path: Path, database: str, backend: StandIn
) -> None:
    async with running(tmp_path, MANIFEST, database, backend=backend.url) as first:
        await Owner(first).done("PATCH", "/admin/backends/one", {"drain": True})
    async with running(tmp_path, MANIFEST, database, backend=backend.url) as second:
        assert (await Owner(second).done("GET", "/admin/backends"))["data"][0]["draining"] is True
        await second.gateway.store.rows("DELETE FROM drained_backends")  # as another process would
        await drains.refresh(second.gateway)
        assert (await Owner(second).done("GET", "/admin/backends"))["data"][0]["draining"] is False


async def test_an_unknown_backend_and_a_wrong_body_are_refused(owner: Owner) -> None:
    assert (await owner.ask("PATCH", "/admin/backends/other", {"drain": True})).status_code == 404
    assert (await owner.ask("PATCH", "/admin/backends/one", {"drain": "yes"})).status_code == 400
    assert (await owner.ask("PATCH", "/admin/backends/one", {})).status_code == 400
