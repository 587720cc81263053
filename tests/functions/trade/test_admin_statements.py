"""A month of an account adds up to the nano, in every form, and foreign text stays text."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

from infra.store.clock import SECOND_US
from infra.store.models import Entry, User
from tests.functions.trade.owner import COST, Owner

NASTY = '<script>alert(1)</script> & "=1+1"'


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


async def account(owner: Owner) -> User:
    """Three months of entries, written as the ledger would have."""
    user = await owner.gateway.ledger.open_user("<b>ada</b>", 0, actor="test", address="test")
    moves = [
        ("2026-01-05T10:00:00", "topup", 5_000, NASTY), ("2026-01-31T23:59:59", "usage", -7, "m"),
        ("2026-02-01T00:00:00", "usage", -11, "m"), ("2026-02-01T08:00:00", "usage", -13, "=m"),
        ("2026-02-01T09:00:00", "usage", -17, "m"), ("2026-02-02T09:00:00", "refund", 11, "cut off"),
        ("2026-02-28T23:59:59", "adjustment", -100, "booked twice"), ("2026-03-01T00:00:00", "usage", -1, "m"),
    ]  # fmt: skip
    balance = 0
    for number, (when, kind, amount, reason) in enumerate(moves, start=1):
        balance += amount
        mine, ours = f"user:{user.id}", {"usage": "revenue", "topup": "cash"}.get(kind, "adjustments")
        await Entry.create(
            id=f"e{number}", kind=kind, debit=ours if amount > 0 else mine, credit=mine if amount > 0 else ours,
            amount=abs(amount), user_id=user.id, seq=number, balance_after=balance, actor="t", reason=reason,
            created_us=at(when),
        )  # fmt: skip
    await User.filter(id=user.id).update(balance=balance, seq=len(moves))
    return user


async def test_months_follow_each_other_and_each_adds_up(owner: Owner) -> None:
    user = await account(owner)
    expected = {"2025-12": (0, 0), "2026-01": (0, 4_993), "2026-02": (4_993, 4_863), "2026-03": (4_863, 4_862)}
    expected |= {"2026-04": (4_862, 4_862)}
    for month, (opening, closing) in expected.items():
        found = await owner.done("GET", f"/admin/users/{user.id}/statement?month={month}")
        assert (found["opening_nano"], found["closing_nano"]) == (opening, closing), month
        assert opening + sum(item["amount_nano"] for item in found["items"]) == closing
        assert sum(total["amount_nano"] for total in found["totals"].values()) == closing - opening
        if found["items"]:
            assert found["items"][-1]["balance_nano"] == closing


async def test_a_day_of_requests_is_one_item_for_each_model_and_what_was_moved_stands_alone(owner: Owner) -> None:
    user = await account(owner)
    found = await owner.done("GET", f"/admin/users/{user.id}/statement?month=2026-02")
    shown = [(item["kind"], item["text"], item["requests"], item["amount_nano"]) for item in found["items"]]
    assert shown == [
        ("usage", "=m", 1, -13), ("usage", "m", 2, -28), ("refund", "cut off", 0, 11),
        ("adjustment", "booked twice", 0, -100),
    ]  # fmt: skip
    assert found["entries"] == 5


async def test_csv_has_every_entry_and_no_formula(owner: Owner) -> None:
    user = await account(owner)
    answer = await owner.ask("GET", f"/admin/users/{user.id}/statement?month=2026-02&format=csv")
    opening, *rows, closing = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert [row["number"] for row in rows] == ["3", "4", "5", "6", "7"]
    assert Decimal(opening["balance"]) + sum(Decimal(row["amount"]) for row in rows) == Decimal(closing["balance"])
    assert [row["text"] for row in rows if row["kind"] == "usage"] == ["m", "'=m", "m"]
    assert rows[0]["amount"] == "-0.000000011", "a number stays one"


async def test_the_page_to_print_runs_nothing_and_shows_names_as_they_are(owner: Owner) -> None:
    user = await account(owner)
    answer = await owner.ask("GET", f"/admin/users/{user.id}/statement?month=2026-01&format=html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert "&lt;b&gt;ada&lt;/b&gt;" in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;=1+1&quot;" in answer.text
    assert "0.000004993" in answer.text


async def test_usage_is_what_the_user_sees_and_months_that_are_none_are_refused(owner: Owner) -> None:
    key = await owner.running.key("ada")
    await owner.chat(key)
    found = await owner.done("GET", "/admin/users/ada/usage?days=7")
    own = await owner.get("/v1/account/usage?days=7", key)
    assert (found.pop("username"), found.pop("user_id")[:5]) == ("ada", "user_")
    assert found == own
    this_month = await owner.done("GET", "/admin/users/ada/statement")
    assert (this_month["opening_nano"], this_month["closing_nano"]) == (0, 10_000_000_000 - COST)
    for query, param in (("month=2026-13", "month"), ("month=x", "month"), ("format=pdf", "format"), ("x=1", "x")):
        assert (await owner.refused("GET", f"/admin/users/ada/statement?{query}"))["param"] == param
    await owner.refused("GET", "/admin/users/nobody/statement", status=404)
