"""The pure core under random operations: every invariant after every step."""

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.ledger.books import OPEN, Books, RequestRow
from infra.ledger.core import apply
from infra.ledger.operations import Billed, Held, Hold, OpenUser, Operation, Post, Progress, Recover, Settle, Void

USERS = ("user_a", "user_b")


def row(number: int, user: str) -> RequestRow:
    return RequestRow(f"req_{number}", "HELD", "inst", user, "key", "chat", "m", created_us=number)


def opened() -> Books:
    books = Books()
    for user in USERS:
        apply(OpenUser(user, user, 1_000, 1, "{}", "test", "here", 1), books)
    return books


def check(books: Books) -> None:
    for account in books.accounts.values():
        assert 0 <= account.held <= account.balance
        mine = [entry for entry in books.new_entries if entry.user_id == account.id]
        assert account.balance == sum(e.amount if e.credit == f"user:{account.id}" else -e.amount for e in mine)
        assert [entry.seq for entry in mine] == list(range(1, account.seq + 1))
        assert not mine or mine[-1].balance_after == account.balance
        assert account.held == sum(
            r.held for r in books.requests.values() if r.user_id == account.id and r.state in OPEN
        )
    for request in books.requests.values():
        usage = [e for e in books.new_entries if e.kind == "usage" and e.request_id == request.id]
        assert sum(entry.amount for entry in usage) == request.charged
        assert len(usage) == (1 if request.charged else 0)
        assert 0 <= request.refunded <= request.charged


numbers, users, amounts = st.integers(0, 5), st.sampled_from(USERS), st.integers(0, 1_500)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    number, user, amount = draw(numbers), draw(users), draw(amounts)
    kind = draw(st.sampled_from(["hold", "settle", "void", "progress", "recover", "topup", "adjust", "refund"]))
    final = row(number, USERS[number % 2])
    match kind:
        case "hold":
            return Hold(final, amount, draw(st.integers(0, amount)), 5)
        case "settle":
            return Settle(RequestRow(**{**_fields(final), "state": "SETTLED"}), amount)
        case "void":
            return Void(final)
        case "progress":
            return Progress(final.id, amount, "{}", 1, 1, None)
        case "recover":
            return Recover(final.id, final.user_id, 9)
        case "topup":
            return Post(f"t:{number}", "topup", user, amount + 1, None, "test", "here", "", 7)
        case "adjust":
            return Post(f"a:{number}", "adjustment", user, draw(st.integers(-1_500, 1_500)) or 1, None, "t", "h", "", 7)
        case _:
            return Post(f"r:{number}:{amount % 3}", "refund", final.user_id, amount + 1, final.id, "t", "h", "", 7)


def _fields(found: RequestRow) -> dict[str, object]:
    return {name: getattr(found, name) for name in RequestRow.__dataclass_fields__}


@settings(max_examples=400, deadline=None)
@given(st.lists(operations(), max_size=60))
def test_every_invariant_holds_after_every_operation(steps: list[Operation]) -> None:
    books = opened()
    for step in steps:
        apply(step, books)
        check(books)


@settings(max_examples=200, deadline=None)
@given(st.lists(operations(), max_size=30))
def test_every_operation_may_come_twice(steps: list[Operation]) -> None:
    once, twice = opened(), opened()
    for step in steps:
        first = apply(step, once)
        apply(step, twice)
        again = apply(step, twice)
        if isinstance(first, (Held, Billed)):
            assert type(again) is type(first)
        assert once.accounts == twice.accounts
        assert once.new_entries == twice.new_entries


def test_the_first_end_wins_and_the_second_returns_it() -> None:
    books = opened()
    apply(Hold(row(1, "user_a"), 400, 400, 5), books)
    settled = apply(Settle(row(1, "user_a"), 150), books)
    assert settled == Billed("SETTLED", 150, 0, 850)
    assert apply(Void(row(1, "user_a")), books) == settled
    assert apply(Recover("req_1", "user_a", 9), books) == settled
    assert books.accounts["user_a"].held == 0


def test_what_is_above_the_hold_is_taken_from_what_is_free_and_the_rest_is_the_owners_loss() -> None:
    books = opened()
    apply(Hold(row(1, "user_a"), 400, 400, 5), books)
    apply(Hold(row(3, "user_a"), 500, 500, 5), books)
    assert apply(Settle(row(1, "user_a"), 700), books) == Billed("SETTLED", 500, 200, 500)
    assert books.accounts["user_a"].free == 0


def test_a_hold_takes_what_is_there_down_to_the_least() -> None:
    books = opened()
    assert apply(Hold(row(1, "user_a"), 5_000, 900, 5), books) == Held(1_000, limited=True)
    refused = apply(Hold(row(2, "user_a"), 10, 10, 5), books)
    assert refused.why == "on_hold"
    assert apply(Hold(row(3, "user_b"), 5_000, 1_001, 5), books).why == "too_low"


def test_a_dead_process_bills_its_last_checkpoint_and_nothing_where_nothing_came() -> None:
    books = opened()
    apply(Hold(row(1, "user_a"), 400, 400, 5), books)
    apply(Hold(row(2, "user_a"), 400, 400, 5), books)
    apply(Progress("req_1", 120, '{"output":3}', 0, 3, 6), books)
    assert apply(Recover("req_1", "user_a", 9), books) == Billed("SETTLED", 120, 0, 880)
    assert apply(Recover("req_2", "user_a", 9), books) == Billed("VOID", 0, 0, 880)
    assert books.requests["req_1"].basis == "recovered"
    assert books.requests["req_1"].units_json == '{"output":3}'


def test_a_checkpoint_that_is_lower_than_the_one_before_changes_neither_cost_nor_units() -> None:
    books = opened()
    apply(Hold(row(1, "user_a"), 400, 400, 5), books)
    apply(Progress("req_1", 120, '{"output":12}', 0, 12, 6), books)
    apply(Progress("req_1", 30, '{"output":3}', 0, 3, 6), books)
    apply(Recover("req_1", "user_a", 9), books)
    assert (books.requests["req_1"].charged, books.requests["req_1"].units_json) == (120, '{"output":12}')
