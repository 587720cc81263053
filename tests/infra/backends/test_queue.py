import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from infra.backends.queue import FairQueue, Rank

USERS = st.sampled_from("abcd")


def filled(**lines: tuple[int, int]) -> FairQueue[str]:
    """Users with (weight, how many wait); items are "a0", "a1", …"""
    queue: FairQueue[str] = FairQueue(1000)
    for user, (weight, count) in lines.items():
        for number in range(count):
            queue.push(f"{user}{number}", user, weight)
    return queue


def served(queue: FairQueue[str], count: int) -> list[str]:
    return [queue.pop() or "" for _ in range(count)]


def test_one_with_a_single_request_does_not_wait_behind_the_four_hundred_of_another() -> None:
    queue = filled(a=(1, 400), b=(1, 1))
    assert "b0" in served(queue, 2)


def test_a_newcomer_is_served_within_one_round_of_those_who_were_there() -> None:
    queue = filled(a=(1, 50), b=(1, 50), c=(1, 50))
    served(queue, 7)
    queue.push("new", "d", 1)
    assert "new" in served(queue, 4)


def test_weights_divide_the_service_and_never_in_bursts_for_one() -> None:
    queue = filled(a=(1, 100), b=(3, 100))
    order = served(queue, 80)
    assert Counter(item[0] for item in order) == {"a": 20, "b": 60}
    for start in range(0, 80, 4):
        assert Counter(item[0] for item in order[start : start + 4]) == {"a": 1, "b": 3}


def test_within_one_user_first_come_is_first_served() -> None:
    queue = filled(a=(2, 30), b=(5, 30))
    order = served(queue, 60)
    for user in "ab":
        assert [item for item in order if item[0] == user] == [f"{user}{number}" for number in range(30)]


def test_nobody_saves_up_turns_while_not_waiting() -> None:
    queue = filled(a=(1, 3), b=(9, 200))
    served(queue, 100)  # a's three are long served
    for number in range(3, 30):
        queue.push(f"a{number}", "a", 1)
    assert Counter(item[0] for item in served(queue, 20)) == {"b": 18, "a": 2}


def test_what_was_earned_while_turns_were_dear_is_no_lead_once_they_are_cheap() -> None:
    queue = filled(a=(1, 400), z=(1000, 900))
    served(queue, 900)  # a has nearly earned a turn of a thousand
    assert len(queue) == 400
    for number in range(400):
        queue.push(f"b{number}", "b", 1)
        queue.push(f"c{number}", "c", 10)
    assert Counter(item[0] for item in served(queue, 120)) == {"a": 10, "b": 10, "c": 100}


@given(st.lists(st.tuples(USERS, st.integers(1, 9)), max_size=40))
def test_the_order_told_is_the_order_served(pushed: list[tuple[str, int]]) -> None:
    queue: FairQueue[int] = FairQueue(1000)
    for number, (user, weight) in enumerate(pushed):
        queue.push(number, user, weight)
    told = list(queue.order())
    assert [queue.pop() for _ in pushed] == told
    assert queue.pop() is None


def test_a_rank_waits_until_nobody_of_a_better_one_does() -> None:
    queue = filled(a=(9, 3))
    for number, rank in enumerate((Rank.IDLE, Rank.FRONT, Rank.OWNER, Rank.IDLE)):
        queue.push(f"{rank.name}{number}", "b", 1, rank)
    assert served(queue, 7) == ["OWNER2", "FRONT1", "a0", "a1", "a2", "IDLE0", "IDLE3"]


def test_the_best_rank_is_told_with_its_users_weights() -> None:
    queue = filled(a=(2, 5), b=(3, 1))
    assert queue.best() == (Rank.FAIR, 6, 5)
    queue.push("x", "a", 2, Rank.FRONT)
    assert queue.best() == (Rank.FRONT, 1, 2)


@given(st.lists(st.tuples(USERS, st.sampled_from(Rank)), max_size=40), st.integers(0, 20), USERS, st.sampled_from(Rank))
def test_the_place_of_a_newcomer_is_where_it_is_served(
    pushed: list[tuple[str, Rank]], gone: int, user: str, rank: Rank
) -> None:
    queue: FairQueue[int] = FairQueue(1000)
    for number, (other, theirs) in enumerate(pushed):
        queue.push(number, other, 3, theirs)
    for _ in range(gone):
        queue.pop()
    place = queue.ahead(user, 3, rank)
    queue.push(-1, user, 3, rank)
    assert list(queue.order()).index(-1) == place


def test_ten_thousand_come_leave_and_are_served_in_no_time() -> None:
    queue: FairQueue[int] = FairQueue(100_000)
    began = time.monotonic()
    for number in range(10_000):
        queue.ahead(f"user{number % 50}", 1 + number % 3)
        queue.push(number, f"user{number % 50}", 1 + number % 3)
    for number in range(0, 10_000, 2):
        queue.remove(number)
    while queue.pop() is not None:
        pass
    assert time.monotonic() - began < 5  # two looks at everybody for each of them would take minutes


class Crowd(RuleBasedStateMachine):
    """Against a plain set: nobody is lost, served twice, or served after leaving."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue(1000)
        self.waiting: dict[int, str] = {}
        self.next = 0

    @rule(user=USERS, weight=st.integers(1, 5))
    def come(self, user: str, weight: int) -> None:
        self.queue.push(self.next, user, weight)
        self.waiting[self.next] = user
        self.next += 1

    @rule()
    def serve(self) -> None:
        item = self.queue.pop()
        assert (item is None) == (not self.waiting)
        if item is not None:
            del self.waiting[item]

    @rule(number=st.integers(0, 50))
    def leave(self, number: int) -> None:
        user = self.waiting.pop(number, None)
        assert self.queue.remove(number) == (user is not None)

    @invariant()
    def all_are_there(self) -> None:
        assert len(self.queue) == len(self.waiting)
        assert sorted(self.queue.order()) == sorted(self.waiting)


TestCrowd = Crowd.TestCase
