from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backends.shares import Claim, granted, heir, now, portion

WAITING = st.builds(
    Claim,
    st.sampled_from("bcde"),
    st.integers(0, 5),
    waiting=st.integers(0, 5),
    rank=st.integers(0, 3),
    weight=st.integers(1, 9),
    passed=st.integers(0, 9_000_000),
)
OTHERS = st.lists(WAITING, max_size=4, unique_by=lambda claim: claim.instance)


@given(WAITING, OTHERS, st.integers(1, 12))
def test_never_more_than_there_are_and_never_more_than_wait(mine: Claim, others: list[Claim], total: int) -> None:
    mine = replace(mine, instance="a")
    got = granted(mine, total, others)
    assert got >= 0
    assert got <= max(0, total - mine.slots - sum(other.slots for other in others))
    assert got <= mine.waiting or not others


@given(OTHERS, st.integers(1, 12))
def test_whatever_is_free_goes_to_somebody_who_waits(claims: list[Claim], total: int) -> None:
    free = max(0, total - sum(claim.slots for claim in claims))
    wanted = sum(claim.waiting for claim in claims)
    got = 0
    for mine in claims:
        got += granted(mine, total, [claim for claim in claims if claim is not mine] or [Claim("z", 0)])
    # Ties are decided in favour of whoever asks, so that the sum of the answers to one and the same state may exceed
    # it; asked one after the other, each sees what the one before got.
    assert got >= min(free, wanted)


def served(slots: int, weights: dict[str, int], count: int) -> list[str]:
    """Which processes get the next slots, with endless work in each and requests that end one after the other; the
    first has all slots at the beginning, and each frees what it holds where it is."""
    claims = {name: Claim(name, 0, 10_000, 2, weight) for name, weight in weights.items()}
    held = [next(iter(claims))] * slots
    for name in held:
        claims[name] = replace(claims[name], slots=claims[name].slots + 1)
    order = []
    for _ in range(count):
        name = held.pop(0)
        others = [claim for other, claim in claims.items() if other != name]
        first = heir(claims[name], others)
        claims[name] = replace(claims[name], slots=claims[name].slots - 1)
        gets = name if first is None else first.instance
        if first is not None:
            assert granted(claims[gets], slots, [claim for other, claim in claims.items() if other != gets]) == 1
        claims[gets] = claims[gets].with_one_more()
        held.append(gets)
        order.append(gets)
    return order


@pytest.mark.parametrize("slots", [1, 3, 4, 8])
@pytest.mark.parametrize("weights", [{"a": 1, "b": 1}, {"a": 1, "b": 3}, {"a": 10, "b": 1}, {"a": 2, "b": 3, "c": 1}])
def test_slots_are_divided_by_the_weight_of_those_who_wait(slots: int, weights: dict[str, int]) -> None:
    whole = sum(weights.values())
    order = served(slots, weights, 20 * whole)
    for name, weight in weights.items():
        assert order.count(name) == pytest.approx(20 * weight, abs=slots)
        assert name in order[: whole + slots], "nobody waits for longer than a round"


def test_who_comes_to_wait_begins_where_the_others_are() -> None:
    others = [Claim("b", 1, 5, 2, 1, passed=70), Claim("c", 1, 0, 2, 1, passed=9), Claim("d", 1, 5, 1, 1, passed=8)]
    assert (now(2, others), now(3, others)) == (70, 0)


def test_a_better_rank_anywhere_comes_first() -> None:
    full = Claim("a", 4, 50, 2, 9)
    assert heir(full, [Claim("b", 0, 1, 0, 1)]) == Claim("b", 0, 1, 0, 1)
    assert heir(full, [Claim("b", 0, 9, 3, 9)]) is None
    assert granted(Claim("b", 0, 9, 3, 9), 4, [Claim("a", 3, 1, 2, 1)]) == 0


def test_who_waits_nowhere_takes_nothing_and_who_is_alone_takes_all() -> None:
    assert granted(Claim("a", 0), 4, [Claim("b", 1)]) == 0
    assert granted(Claim("a", 1), 4, []) == 3
    assert heir(Claim("a", 1), [Claim("b", 1)]) is None


@given(st.integers(0, 50), st.integers(1, 6))
def test_the_portions_of_all_are_the_whole(whole: int, processes: int) -> None:
    names = [f"inst_{number}" for number in range(processes)]
    parts = [portion(whole, name, [Claim(other, 0) for other in names if other != name]) for name in names]
    assert sum(parts) == whole
    assert max(parts) - min(parts) <= 1
