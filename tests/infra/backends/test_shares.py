from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from infra.backends.shares import Claim, granted, heir, portion

WAITING = st.builds(
    Claim,
    st.sampled_from("bcde"),
    st.integers(0, 5),
    waiting=st.integers(0, 5),
    rank=st.integers(0, 3),
    weight=st.integers(1, 9),
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


def settle(claims: dict[str, Claim], total: int) -> dict[str, int]:
    """One after the other asks; slots by process, with endless work everywhere."""
    for name in claims:
        others = [claim for other, claim in claims.items() if other != name]
        claims[name] = replace(claims[name], slots=claims[name].slots + granted(claims[name], total, others))
    return {name: claim.slots for name, claim in claims.items()}


def test_slots_are_divided_by_the_weight_of_those_who_wait() -> None:
    claims = {"a": Claim("a", 8, 99, 2, 1), "b": Claim("b", 0, 99, 2, 3)}
    for turn in range(40):
        name, other = ("a", "b") if turn % 2 else ("b", "a")  # one of its requests ends
        if heir(claims[name], [claims[other]]) is not None:
            claims[name] = replace(claims[name], slots=claims[name].slots - 1)
            settle(claims, 8)
        assert sum(claim.slots for claim in claims.values()) <= 8
    assert {name: claim.slots for name, claim in claims.items()} == {"a": 2, "b": 6}


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
