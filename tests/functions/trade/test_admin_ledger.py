"""Money by the owner's hand over the admin API."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from infra.client import AdminClient
from infra.ledger.audit import Progress, audit
from infra.store.models import Replay
from tests.functions.trade.owner import COST, Owner
from tests.standins.running import ADMIN_KEY

MOVES = ["topups", "adjustments", "refunds"]

WRONG: list[tuple[str, Any, str | None, int]] = [
    ("topups", {"username": "ada", "amount": 0}, "amount", 400),
    ("topups", {"username": "ada", "amount": -1}, "amount", 400),
    ("topups", {"username": "ada", "amount": "0.0000000001"}, "amount", 400),
    ("topups", {"username": "ada", "amount": "NaN"}, "amount", 400),
    ("topups", {"username": "ada", "amount": "Infinity"}, "amount", 400),
    ("topups", b'{"username": "ada", "amount": 1e999999999}', "amount", 400),
    ("topups", b'{"username": "ada", "amount": ' + b"9" * 5_000 + b"}", "amount", 400),
    ("topups", {"username": "ada", "amount": "9000000"}, "amount", 400),
    ("topups", {"username": "ada", "amount": True}, "amount", 400),
    ("topups", {"username": "ada"}, "amount", 400),
    ("topups", {"username": "ada", "amount": 1, "note": "x"}, "note", 400),
    ("topups", {"username": "ada", "amount": 1, "reason": "x" * 1_001}, "reason", 400),
    ("topups", b'{"username": "ada", "amount": 1, "reason": "\\ud800"}', None, 400),
    ("topups", b'{"username": "ada", "amount": 1, "reason": "\\u0000"}', None, 400),
    ("topups", {"username": "eda", "amount": 1}, None, 404),
    ("adjustments", {"username": "ada", "amount": 0, "reason": "x"}, "amount", 400),
    ("adjustments", {"username": "ada", "amount": 1, "reason": " "}, "reason", 400),
    ("adjustments", {"username": "ada", "amount": 1}, "reason", 400),
    ("refunds", {"request_id": "req_unknown", "reason": "x"}, "request_id", 404),
    ("refunds", {"request_id": "x" * 300, "reason": "x"}, "request_id", 400),
    ("refunds", {"request_id": "req_unknown"}, "reason", 400),
    ("refunds", b"", None, 400),
]

TEN = 10_000_000_000


async def balance(owner: Owner, name: str = "ada") -> int:
    return (await owner.running.user(name)).balance


async def test_a_top_up_is_exact_and_a_retry_with_its_key_moves_nothing(owner: Owner) -> None:
    await owner.running.key()
    body = b'{"username": "ada", "amount": 0.000000001, "reason": "a coin"}'
    first = await owner.move("topups", body, "once")
    assert (first["amount"], first["amount_nano"], first["balance_nano"]) == (Decimal("1E-9"), 1, TEN + 1)
    assert (first["kind"], first["username"]) == ("topup", "ada")
    assert await owner.move("topups", body, "once") == first
    assert await balance(owner) == TEN + 1
    await owner.move("topups", body, "twice")
    assert await balance(owner) == TEN + 2


async def test_a_key_that_comes_again_with_another_amount_is_refused(owner: Owner) -> None:
    await owner.running.key()
    await owner.move("topups", {"username": "ada", "amount": "1"}, "k")
    error = await owner.move("topups", {"username": "ada", "amount": "2"}, "k", 422)
    assert error["error"]["code"] == "idempotency_mismatch"
    assert await balance(owner) == TEN + 10**9


async def test_a_key_that_comes_again_after_its_answer_was_forgotten_moves_nothing_and_does_not_say_it_did(
    owner: Owner,
) -> None:
    """Answers are kept for a day, what a key has moved is known for ever."""
    key = await owner.running.key()
    id = (await owner.chat(key)).headers["x-request-id"]
    first = await owner.move("topups", {"username": "ada", "amount": "1"}, "k")
    up = {"username": "ada", "amount": "1", "reason": "x"}
    await owner.move("adjustments", up, "k")
    back = await owner.move("refunds", {"request_id": id, "reason": "bad answer"}, "k")
    await Replay.all().delete()
    assert await owner.move("topups", {"username": "ada", "amount": "1"}, "k") == first
    assert await owner.move("refunds", {"request_id": id, "reason": "bad answer"}, "k") == back
    await Replay.all().delete()
    for what, other in (
        ("topups", {"username": "ada", "amount": "2"}),
        ("adjustments", {**up, "amount": "-1"}),
        ("refunds", {"request_id": id, "amount": "0.000001", "reason": "bad answer"}),
    ):
        error = await owner.move(what, other, "k", 422)
        assert error["error"]["code"] == "idempotency_mismatch"
    assert await balance(owner) == TEN + 2 * 10**9
    await owner.running.settled()


async def test_an_adjustment_goes_both_ways_but_never_below_zero(owner: Owner) -> None:
    await owner.running.key()
    down = await owner.move("adjustments", {"username": "ada", "amount": "-4.5", "reason": "mistake"}, "a")
    assert (down["amount"], down["balance"]) == (Decimal("-4.5"), Decimal("5.5"))
    await owner.move("adjustments", {"username": "ada", "amount": 1, "reason": "mistake"}, "b")
    assert await balance(owner) == 6_500_000_000
    await owner.move("adjustments", {"username": "ada", "amount": -7, "reason": "too much"}, "c", 409)
    assert await balance(owner) == 6_500_000_000


async def test_a_refund_gives_back_a_part_then_the_rest_and_no_more(owner: Owner) -> None:
    key = await owner.running.key()
    id = (await owner.chat(key)).headers["x-request-id"]
    part = await owner.move("refunds", {"request_id": id, "amount": "0.000003", "reason": "bad answer"}, "a")
    assert (part["amount_nano"], part["request_id"], part["balance_nano"]) == (3_000, id, TEN - COST + 3_000)
    await owner.move("refunds", {"request_id": id, "amount": "0.000011", "reason": "too much"}, "b", 409)
    rest = await owner.move("refunds", {"request_id": id, "reason": "the rest"}, "c")
    assert (rest["amount_nano"], rest["balance_nano"]) == (COST - 3_000, TEN)
    await owner.move("refunds", {"request_id": id, "reason": "again"}, "d", 409)
    shown = await owner.done("GET", f"/admin/requests/{id}")
    assert (shown["charged_nano"], shown["refunded_nano"]) == (COST, COST)
    assert sum(line["amount_nano"] for line in shown["cost"]) == COST
    await owner.running.settled()


async def test_what_is_wrong_is_named_and_moves_nothing(owner: Owner) -> None:
    await owner.running.key()
    for number, (what, body, param, status) in enumerate(WRONG):
        error = (await owner.move(what, body, f"key-{number}", status))["error"]
        assert param is None or error["param"] == param, error
        assert await balance(owner) == TEN
    await owner.running.settled()


async def test_without_an_idempotency_key_no_money_moves(owner: Owner) -> None:
    await owner.running.key()
    for what in MOVES:
        body = (
            {"username": "ada", "amount": 1, "reason": "x"} if what != "refunds" else {"request_id": "r", "reason": "x"}
        )
        error = await owner.refused("POST", f"/admin/ledger/{what}", body)
        assert "Idempotency-Key" in error["message"]
        assert await balance(owner) == TEN


async def test_entries_are_listed_newest_first_and_carry_the_users_sign(owner: Owner) -> None:
    key = await owner.running.key()
    await owner.running.key("bob", "1")
    id = (await owner.chat(key)).headers["x-request-id"]
    await owner.move("topups", {"username": "ada", "amount": "2"}, "k")
    entries = (await owner.done("GET", "/admin/ledger?user=ada"))["data"]
    assert [(e["kind"], e["amount_nano"], e["balance_after_nano"], e["seq"]) for e in entries] == [
        ("topup", 2 * 10**9, TEN - COST + 2 * 10**9, 3),
        ("usage", -COST, TEN - COST, 2),
        ("topup", TEN, TEN, 1),
    ]
    assert (entries[1]["request_id"], entries[1]["username"]) == (id, "ada")
    everybody = await owner.done("GET", "/admin/ledger?limit=3")
    rest = await owner.done("GET", f"/admin/ledger?limit=3&cursor={everybody['next']}")
    assert [e["username"] for e in everybody["data"] + rest["data"]] == ["ada", "ada", "bob", "ada"]
    assert rest["next"] is None
    pages = await owner.done("GET", "/admin/ledger?user=ada&limit=2")
    rest = await owner.done("GET", f"/admin/ledger?user=ada&limit=2&cursor={pages['next']}")
    assert [e["seq"] for e in pages["data"] + rest["data"]] == [3, 2, 1]


async def test_the_audit_tells_that_all_adds_up_and_recomputes_bills_where_asked(owner: Owner) -> None:
    key = await owner.running.key()
    await owner.chat(key)
    found = await owner.done("GET", "/admin/ledger/audit")
    assert (found["clean"], found["findings"], found["users"], found["requests"]) == (True, [], 1, 1)
    assert (found["balance_total_nano"], found["held_total_nano"], found["repriced"]) == (TEN - COST, 0, 0)
    assert (await owner.done("GET", "/admin/ledger/audit?reprice=1"))["repriced"] == 1
    assert (await owner.refused("GET", "/admin/ledger/audit?reprice=yes"))["param"] == "reprice"


async def test_every_movement_is_in_the_audit_log_once_and_its_reason_in_the_entry(owner: Owner) -> None:
    await owner.running.key()
    await owner.move("topups", {"username": "ada", "amount": "2", "reason": "cash at the desk"}, "k")
    await owner.move("topups", {"username": "ada", "amount": "2", "reason": "cash at the desk"}, "k")
    events = (await owner.done("GET", "/admin/audit-events?limit=1"))["data"]
    assert [(e["action"], e["actor"], e["target"]) for e in events] == [("ledger.topup", "admin", "ada")]
    assert (events[0]["before"], events[0]["after"]) == ({"balance": "10.00"}, {"balance": "12.00"})
    assert (await owner.done("GET", "/admin/ledger?limit=1"))["data"][0]["reason"] == "cash at the desk"
    actions = [event["action"] for event in (await owner.done("GET", "/admin/audit-events"))["data"]]
    assert sorted(actions) == ["ledger.topup", "ledger.topup", "user.create"]  # one is the first balance
    assert (await owner.refused("GET", "/admin/audit-events?cursor=%21"))["param"] == "cursor"


async def test_the_audit_tells_how_far_it_is_and_then_its_report(owner: Owner) -> None:
    key = await owner.running.key()
    await owner.chat(key)
    path = "/admin/ledger/audit"
    told: list[dict[str, Any]] = []
    async with AdminClient(owner.running.url, token=ADMIN_KEY) as admin:
        report = await admin.audit_followed(told.append, reprice=True)
        assert report == await admin.audit(reprice=True)
    assert all(set(each) == {"done", "total", "rule"} and 0 <= each["done"] <= each["total"] for each in told)
    far = list[Progress]()
    await audit(owner.gateway.store, reprice=True, say=far.append)
    assert len({each.rule for each in far}) == 11
    assert [each.done for each in far] == sorted(each.done for each in far)
    [row] = await owner.gateway.store.rows("SELECT COUNT(*) AS n FROM entries")
    assert (far[0].done, far[0].total) == (0, 3 * 1 + 9 * row["n"] + 3 * 1 + 1)
    assert (await owner.refused("GET", f"{path}?progress=yes"))["param"] == "progress"
    head = await owner.running.client.head(path + "?progress=1", headers={"x-admin-key": ADMIN_KEY})
    assert (head.status_code, head.content) == (200, b"")


async def test_a_viewer_who_leaves_stops_the_check(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    real = owner.gateway.store.read

    async def slow(sql: str, *values: Any) -> Any:
        nonlocal reads
        if " AS subject" in sql:  # a check's; others read as well, as the figures ahead of the owner
            reads += 1
            await asyncio.sleep(0.6)
        return await real(sql, *values)

    monkeypatch.setattr(owner.gateway.store, "read", slow)
    async with AdminClient(owner.running.url, token=ADMIN_KEY) as admin:
        following = asyncio.create_task(admin.audit_followed(lambda _: None))
        while reads < 3:
            await asyncio.sleep(0.05)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    await asyncio.sleep(1.5)
    assert reads <= 5
