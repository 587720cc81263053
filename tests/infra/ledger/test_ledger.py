"""The ledger on real databases, SQLite and PostgreSQL."""

import asyncio
from collections import Counter

import pytest

from infra.errors import BadRequest, BalanceOnHold, BalanceTooLow, BillingUnavailable, Conflict, GatewayError, NotFound
from infra.ledger import audit as audits
from infra.ledger import ledger as ledger_module
from infra.ledger.books import RequestRow
from infra.ledger.ledger import Adjustment, Ledger, Refund, TopUp
from infra.ledger.operations import Recover, Void
from infra.store.clock import now_us
from infra.store.database import Store
from infra.store.models import AuditEvent, Entry, Request, User


async def rich(ledger: Ledger, nano: int, name: str = "ada") -> User:
    return await ledger.open_user(name, nano, actor="test", address="here")


def draft(user: User, number: int, instance: str = "inst_test") -> RequestRow:
    return RequestRow(f"req_{number}", "HELD", instance, user.id, "key", "chat", "m", now_us())


async def clean(store: Store) -> None:
    report = await audits.audit(store)
    assert report.clean, report.findings


async def test_two_hundred_at_once_on_money_for_fifty_spend_exactly_that(
    ledger: Ledger, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "HOLD_PATIENCE_SECONDS", 0.2)
    user = await rich(ledger, 50 * 1_000)

    async def one(number: int) -> str:
        row = draft(user, number)
        try:
            await ledger.hold(row, 1_000, 1_000)
        except GatewayError as error:
            return error.code or ""
        await asyncio.sleep(0.3)
        billed = await ledger.settle(row, 1_000)
        assert billed is not None and billed.charged == 1_000
        return "paid"

    ends = Counter(await asyncio.gather(*(one(number) for number in range(200))))
    assert ends["paid"] == 50
    assert ends["balance_on_hold"] + ends["insufficient_quota"] == 150
    money = await ledger.money(user.id, fresh=True)
    assert (money.balance, money.held) == (0, 0)
    await clean(store)


async def test_a_refused_request_is_journaled_whatever_model_it_asked_for(ledger: Ledger, store: Store) -> None:
    user = await rich(ledger, 1_000)
    ledger.journal(draft(user, 1).changed(state="VOID", model="m\0"))
    await ledger.hold(draft(user, 2), 500, 500)
    assert (await Request.get(id="req_1")).model == "m\ufffd"


async def test_a_text_that_cannot_be_written_holds_nobody_up(
    ledger: Ledger, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a letter in a column that nobody cleans: only that operation fails, and the writer lives on."""
    user = await rich(ledger, 1_000)
    await ledger.hold(draft(user, 1), 500, 500)
    halves = ledger.writer.submit(Void(draft(user, 2).changed(backend="\ud83d")))
    billed = await ledger.settle(draft(user, 1), 300)
    with pytest.raises(BillingUnavailable):
        await halves
    assert billed is not None and billed.charged == 300
    assert ledger.writer.healthy and "can never be written" in caplog.text
    await clean(store)


@pytest.mark.parametrize("words", ["a NUL \0 in it", "half a letter \ud83d", "\\u0000 spelled out, and 'quoted'"])
async def test_a_bill_stands_whatever_a_backend_said(ledger: Ledger, store: Store, words: str) -> None:
    user = await rich(ledger, 1_000)
    row = draft(user, 1)
    await ledger.hold(row, 500, 500)
    billed = await ledger.settle(row.changed(error=words, status=502), 300)
    assert billed is not None and billed.charged == 300
    kept = await Request.get(id=row.id)
    assert kept.error is not None and len(kept.error) == len(words) and kept.error[:3] == words[:3]
    refused = draft(user, 2)
    ledger.journal(refused.changed(error=words, status=400))
    await ledger.void(refused)
    assert await Request.filter(id=refused.id).count() == 1
    await clean(store)


async def test_settle_void_and_recovery_fired_together_have_one_effect(ledger: Ledger, store: Store) -> None:
    user = await rich(ledger, 1_000_000)
    for number in range(100):
        row = draft(user, number)
        await ledger.hold(row, 500, 500)
        billed, voided, _ = await asyncio.gather(
            ledger.settle(row, 300), ledger.void(row), ledger.writer.submit(Recover(row.id, user.id, now_us()))
        )
        assert billed == voided
    assert await Entry.filter(kind="usage").count() == await Request.filter(charged=300).count()
    assert await Request.filter(state__in=["HELD", "STREAMING"]).count() == 0
    await clean(store)


async def test_a_hold_waits_for_the_callers_own_requests(ledger: Ledger) -> None:
    user = await rich(ledger, 1_000)
    first, second = draft(user, 1), draft(user, 2)
    await ledger.hold(first, 1_000, 1_000)
    waiting = asyncio.ensure_future(ledger.hold(second, 500, 500))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await ledger.settle(first, 100)
    held = await waiting
    assert held.amount == 500
    await ledger.void(second)


async def test_too_low_and_on_hold_are_told_apart(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "HOLD_PATIENCE_SECONDS", 0.05)
    user = await rich(ledger, 1_000)
    with pytest.raises(BalanceTooLow, match=r"at least 0\.000001001, you have 0\.000001"):
        await ledger.hold(draft(user, 1), 2_000, 1_001)
    await ledger.hold(draft(user, 2), 1_000, 1_000)
    with pytest.raises(BalanceOnHold) as caught:
        await ledger.hold(draft(user, 3), 500, 500)
    assert caught.value.headers()["retry-after"] == "1"


async def test_a_top_up_with_the_same_key_counts_once(ledger: Ledger, store: Store) -> None:
    user = await rich(ledger, 0)
    order = TopUp(user.id, 5_000, "invoice 7", "admin", "here", "key-1")
    posted = await asyncio.gather(*(ledger.post(order) for _ in range(20)))
    assert {(p.entry_id, p.balance) for p in posted} == {(posted[0].entry_id, 5_000)}
    assert await AuditEvent.filter(action="ledger.topup").count() == 1
    await clean(store)


async def test_refunds_never_exceed_the_charge(ledger: Ledger, store: Store) -> None:
    user = await rich(ledger, 10_000)
    row = draft(user, 1)
    await ledger.hold(row, 5_000, 5_000)
    await ledger.settle(row, 4_000)
    await ledger.post(Refund(row.id, 1_500, "slow", "admin", "here", "r1"))
    with pytest.raises(Conflict, match=r"0\.0000025"):
        await ledger.post(Refund(row.id, 2_501, "slow", "admin", "here", "r2"))
    rest = await ledger.post(Refund(row.id, None, "slow", "admin", "here", "r3"))
    assert (rest.amount, rest.balance) == (2_500, 10_000)
    assert await ledger.post(Refund(row.id, None, "slow", "admin", "here", "r3")) == rest
    with pytest.raises(Conflict, match="went back already"):
        await ledger.post(Refund(row.id, None, "slow", "admin", "here", "r4"))
    with pytest.raises(NotFound):
        await ledger.post(Refund("req_nope", None, "slow", "admin", "here", "r5"))
    await clean(store)


async def test_an_adjustment_takes_only_what_is_free(ledger: Ledger, store: Store) -> None:
    user = await rich(ledger, 1_000)
    await ledger.hold(draft(user, 1), 600, 600)
    with pytest.raises(Conflict, match="is held"):
        await ledger.post(Adjustment(user.id, -500, "error", "admin", "here", "a1"))
    posted = await ledger.post(Adjustment(user.id, -400, "error", "admin", "here", "a2"))
    assert posted.balance == 600
    with pytest.raises(BadRequest):
        await ledger.post(Adjustment(user.id, 0, "error", "admin", "here", "a3"))
    await clean(store)


async def test_names_are_unique_and_a_user_starts_with_the_first_balance(ledger: Ledger) -> None:
    user = await rich(ledger, 12_345)
    assert (user.balance, user.seq) == (12_345, 1)
    with pytest.raises(Conflict):
        await rich(ledger, 1)


async def test_what_a_dead_process_held_is_resolved(ledger: Ledger, store: Store) -> None:
    user = await rich(ledger, 1_000)
    row = draft(user, 1, instance="inst_dead")
    await ledger.hold(row, 700, 700)
    assert await ledger.recover(all_others=False) == 1
    money = await ledger.money(user.id, fresh=True)
    assert (money.balance, money.held) == (1_000, 0)
    await clean(store)


async def test_what_a_living_process_holds_is_left_alone(ledger: Ledger) -> None:
    user = await rich(ledger, 1_000)
    await ledger.hold(draft(user, 1), 700, 700)
    assert await ledger.recover(all_others=False) == 0
    assert (await ledger.money(user.id, fresh=True)).held == 700


async def test_the_database_itself_refuses_to_forget(ledger: Ledger, store: Store) -> None:
    await rich(ledger, 1_000)
    for sql in ("UPDATE entries SET amount = 1", "DELETE FROM entries", "UPDATE users SET balance = -1"):
        with pytest.raises(Exception, match=r"append-only|CHECK|check constraint"):
            await store.rows(sql)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE users SET balance = balance + 1", "balance = sum of entries"),
        ("UPDATE users SET held = 1", "held = sum of open holds"),
        ("UPDATE users SET seq = seq + 1", "entries are numbered without a gap"),
        ("UPDATE requests SET held = 9 WHERE state = 'HELD'", "held = sum of open holds"),
        ("UPDATE requests SET refunded = 1 WHERE state = 'SETTLED'", "refunds match their request"),
        ("UPDATE requests SET instance = 'inst_dead' WHERE state = 'HELD'", "no open request of a dead process"),
    ],
)
async def test_the_audit_sees_what_somebody_changed_by_hand(ledger: Ledger, store: Store, sql: str, rule: str) -> None:
    user = await rich(ledger, 10_000)
    row = draft(user, 1)
    await ledger.hold(row, 1_000, 1_000)
    await ledger.settle(row, 400)
    await ledger.hold(draft(user, 2), 1_000, 1_000)
    await clean(store)
    await store.rows(sql)
    report = await audits.audit(store)
    assert rule in {finding.rule for finding in report.findings}


async def test_repricing_finds_what_was_billed_wrong(ledger: Ledger, store: Store) -> None:
    await store.rows(
        "INSERT INTO price_versions (id, model, endpoint, version, price_json, source, actor, created_us)"
        " VALUES ('price_1', 'm', '', 1, '{\"input\": 1000000, \"output\": 2000000}', 'file', 'test', 1)"
    )
    user = await rich(ledger, 10_000)
    for number, amount in enumerate([7, 8]):
        row = draft(user, number)
        row.price_id, row.units_json = "price_1", '{"input":3,"output":2}'
        await ledger.hold(row, 1_000, 1_000)
        await ledger.settle(row, amount)
    report = await audits.audit(store, reprice=True)
    assert report.repriced == 2
    assert [finding.subject for finding in report.findings] == ["req_1"]
