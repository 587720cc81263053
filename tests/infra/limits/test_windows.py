"""The windows against a brute-force oracle, and what they cost in memory."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.limits.log import NANOSECONDS
from infra.limits.windows import Full, Place, Want, Windows
from infra.units import Rate
from tests.infra.limits.clock import Clock

RATES = {"a": Rate(3, 1), "b": Rate(5, 2), "c": Rate(40, 3)}


@dataclass
class Oracle:
    """Every event ever, looked through from the start each time."""

    events: dict[str, list[list[int]]] = field(default_factory=lambda: {name: [] for name in RATES})

    def used(self, name: str, now: int) -> int:
        span = RATES[name].seconds * NANOSECONDS
        return sum(amount for at, amount in self.events[name] if now - span < at <= now)

    def passes(self, names: list[str], amount: int, now: int) -> bool:
        return all(self.used(name, now) + amount <= RATES[name].count for name in names)


STEPS = st.lists(
    st.tuples(
        st.integers(0, NANOSECONDS) | st.sampled_from([0, 1, NANOSECONDS, NANOSECONDS - 1]),
        st.lists(st.sampled_from(sorted(RATES)), min_size=1, unique=True),
        st.integers(1, 4),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_passes_is_exactly_what_a_brute_force_count_allows_in_every_window_at_once(steps) -> None:
    clock, oracle = Clock(), Oracle()
    windows = Windows(clock)
    for wait, names, amount in steps:
        clock.now += wait
        taken = windows.take_now([Want(name, RATES[name], amount) for name in names])
        assert isinstance(taken, int) == oracle.passes(names, amount, clock.now)
        if isinstance(taken, int):
            for name in names:
                oracle.events[name].append([clock.now, amount])
    for name, rate in RATES.items():
        for start, _ in oracle.events[name]:  # any window of that length, not only those that end now
            inside = [n for at, n in oracle.events[name] if start <= at < start + rate.seconds * NANOSECONDS]
            assert sum(inside) <= rate.count


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_wait_of_a_refusal_is_the_shortest_after_which_it_passes(steps) -> None:
    clock = Clock()
    windows = Windows(clock)
    for wait, names, amount in steps:
        clock.now += wait
        wants = [Want(name, RATES[name], amount) for name in names]
        refused = windows.take_now(wants)
        if not isinstance(refused, Full):
            continue
        if amount > min(RATES[name].count for name in names):
            assert refused.wait_ns is None
            continue
        assert refused.wait_ns is not None and refused.wait_ns > 0
        clock.now += refused.wait_ns - 1
        assert isinstance(windows.take_now(wants), Full)
        clock.now += 1
        assert isinstance(windows.take_now(wants), int)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, NANOSECONDS), st.integers(1, 20), st.integers(0, 60)), max_size=80))
def test_corrected_amounts_count_as_if_they_had_been_taken_so(steps) -> None:
    clock, oracle = Clock(), Oracle()
    windows = Windows(clock)
    for wait, amount, actual in steps:
        clock.now += wait
        taken = windows.take_now([Want("c", RATES["c"], amount)])
        assert isinstance(taken, int) == oracle.passes(["c"], amount, clock.now)
        if isinstance(taken, int):
            clock.now += wait // 2
            windows.amend("c", taken, actual - amount)
            oracle.events["c"].append([taken, actual])
        assert windows.level("c", RATES["c"]).used == oracle.used("c", clock.now)


def test_a_correction_after_its_instant_has_left_changes_nothing() -> None:
    clock = Clock()
    windows = Windows(clock)
    at = windows.take_now([Want("a", Rate(10, 1), 5)])
    clock.pass_seconds(0.5)
    windows.take_now([Want("a", Rate(10, 1), 3)])
    clock.pass_seconds(0.5)
    assert windows.level("a", Rate(10, 1)).used == 3
    assert isinstance(at, int)
    windows.amend("a", at, 100)
    windows.amend("never seen", at, 100)
    assert windows.level("a", Rate(10, 1)).used == 3


def test_a_limit_that_was_lowered_waits_for_the_excess_to_leave() -> None:
    clock = Clock()
    windows = Windows(clock)
    for _ in range(4):
        windows.take_now([Want("a", Rate(10, 60), 1)])
        clock.pass_seconds(10)
    refused = windows.take_now([Want("a", Rate(2, 60), 1)])
    assert isinstance(refused, Full) and refused.wait_ns == 40 * NANOSECONDS  # three of four, the third came 20 s ago


def test_idle_subjects_leave_no_trace() -> None:
    clock = Clock()
    windows = Windows(clock)
    for number in range(2_000):
        windows.take_now([Want(f"key {number}", Rate(5, 1), 1)], [Place(f"key {number}", 1)])
        windows.leave([f"key {number}"])
    assert len(windows) == 2_000
    clock.pass_seconds(1)
    for _ in range(1_500):  # two others are looked at with each
        windows.take_now([Want("busy", Rate(5_000, 60), 1)])
    assert len(windows) == 1


def test_a_subject_with_something_in_its_window_is_never_dropped() -> None:
    clock = Clock()
    windows = Windows(clock)
    windows.take_now([Want("daily", Rate(1, 86_400), 1)])
    for _ in range(500):
        clock.pass_seconds(100)
        windows.take_now([Want("busy", Rate(5_000, 60), 1)])
    assert isinstance(windows.take_now([Want("daily", Rate(1, 86_400), 1)]), Full)


def test_a_window_of_5000_a_day_costs_at_most_100_kilobytes_however_long_it_runs() -> None:
    clock = Clock()
    windows = Windows(clock)
    for _ in range(30_000):
        clock.pass_seconds(17.28)  # exactly the pace that it allows
        assert isinstance(windows.take_now([Want("key", Rate(5_000, 86_400), 1)]), int)
    log = windows._logs["key"]
    assert log.used == 5_000
    assert len(log.times) <= 2 * 5_000 + 64
    assert (len(log.times) - log.head) * 16 <= 100_000


def test_what_comes_at_one_instant_is_one_entry() -> None:
    windows = Windows(Clock())
    for _ in range(1_000):
        windows.take_now([Want("key", Rate(5_000, 60), 1)])
    assert len(windows._logs["key"].times) == 1
