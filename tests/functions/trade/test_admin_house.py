"""The house at a glance over the admin API: overview, backends, endpoints."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.functions.trade.owner import COST, Owner
from tests.standins.openai_backend import StandIn

PATHS = [
    "/admin/overview",
    "/admin/backends",
    "/admin/endpoints",
    "/admin/audit-events",
    "/admin/ledger",
    "/admin/ledger/audit",
    "/admin/requests",
]

OTHER_PERIODS = ["0", "2", "31", "-1", "week", "%00"]


async def test_the_overview_of_an_empty_house_has_zeros(owner: Owner) -> None:
    found = await owner.done("GET", "/admin/overview")
    assert (found["currency"], found["period_days"], found["users"], found["keys"]) == ("USD", 1, 0, 0)
    assert (found["revenue"], found["revenue_nano"], found["requests"], found["errors"]) == (0, 0, 0, 0)
    assert found["previous"]["revenue_nano"] == found["balance_total_nano"] == found["held_total_nano"] == 0
    assert (found["by_day"], found["by_model"], found["by_user"]) == ([], [], [])
    assert found["live"] == {"streams": 0, "queued": 0}


@pytest.mark.parametrize("days", [1, 7, 30])
async def test_the_overview_adds_up_what_was_sold(owner: Owner, backend: StandIn, days: int) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob", "1.5")
    await owner.chat(ada)
    await owner.chat(ada)
    await owner.chat(bob)
    backend.script(status=500)
    await owner.chat(bob)
    await owner.journalled(4)
    found = await owner.done("GET", f"/admin/overview?days={days}")
    assert (found["period_days"], found["requests"], found["errors"], found["active_users"]) == (days, 4, 1, 2)
    assert (found["revenue"], found["revenue_nano"]) == (Decimal("0.000039"), 3 * COST)
    assert (found["input_tokens"], found["output_tokens"]) == (9, 15)
    assert found["balance_total_nano"] == 11_500_000_000 - 3 * COST
    today = datetime.now(UTC).date().isoformat()
    assert [(row["day"], row["requests"], row["revenue_nano"]) for row in found["by_day"]] == [(today, 4, 3 * COST)]
    assert [(row["model"], row["requests"], row["output_tokens"]) for row in found["by_model"]] == [("stand-in", 4, 15)]
    assert [(row["username"], row["revenue_nano"]) for row in found["by_user"]] == [("ada", 2 * COST), ("bob", COST)]
    assert found["previous"]["requests"] == 0
    alone = await owner.done("GET", f"/admin/overview?days={days}&sums=true")
    same = ("period_days", "requests", "errors", "revenue_nano", "output_tokens", "balance_total_nano", "live")
    assert [alone[name] for name in same] == [found[name] for name in same]
    assert (alone["by_user"], alone["active_users"], alone["ttft_ms"]["p50"]) == ([], None, None)


async def test_what_runs_right_now_is_counted_and_what_it_holds_too(owner: Owner, backend: StandIn) -> None:
    backend.script(first_delay=1.5)
    key = await owner.running.key()
    running = asyncio.create_task(owner.chat(key))
    for _ in range(100):
        found = await owner.done("GET", "/admin/overview")
        if found["live"]["streams"]:
            break
        await asyncio.sleep(0.01)
    assert (found["live"], found["held_total_nano"] > 0) == ({"streams": 1, "queued": 0}, True)
    assert [each["busy"] for each in found["backends"]] == [1, 0]
    assert (await running).status_code == 200


async def test_other_periods_are_refused(owner: Owner) -> None:
    for days in OTHER_PERIODS:
        assert (await owner.refused("GET", f"/admin/overview?days={days}"))["param"] == "days"


async def test_backends_tell_their_state_and_a_probe_looks_anew(owner: Owner, backend: StandIn) -> None:
    one, gone = (await owner.done("GET", "/admin/backends"))["data"]
    assert (one["name"], one["adapter"], one["up"], one["slots"], one["busy"]) == ("one", "openai", True, 8, 0)
    assert (gone["name"], gone["up"], bool(gone["why"])) == ("gone", False, True)
    await backend.stop()
    one, gone = (await owner.done("POST", "/admin/backends/probe", {}))["data"]
    assert (one["name"], one["up"], bool(one["why"])) == ("one", False, True)
    assert (gone["name"], gone["up"]) == ("gone", False)


async def test_endpoints_tell_routes_guards_limits_and_what_is_broken(owner: Owner) -> None:
    found = {row["name"]: row for row in (await owner.done("GET", "/admin/endpoints"))["data"]}
    chat = found["chat_completions"]
    assert (chat["routes"], chat["access"], chat["state"]) == (["POST /v1/chat/completions"], "key", "serving")
    assert chat["guards"] == ["not_closing", "api_key", "limits", "body", "room"]
    assert chat["guards_say"]["api_key"] == "A valid API key: 401, 403."
    assert (chat["limits"], chat["error"]) == ({"requests": "1000/m"}, None)
    assert found["admin_ledger"]["guards"] == ["admin_key", "body"]
    broken = found["there_is_none"]
    assert (broken["state"], "there_is_none" in broken["error"]) == ("broken", True)


async def test_nothing_is_shown_without_the_admin_key_and_unknown_fields_are_named(owner: Owner) -> None:
    for path in PATHS:
        assert (await owner.running.client.get(path)).status_code == 401
        assert (await owner.refused("GET", f"{path}?unknown=1"))["param"] == "unknown"
