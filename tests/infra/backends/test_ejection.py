from infra.backends.budget import RetryBudget
from infra.backends.ejection import FAILURES_MAX, FIRST_SECONDS, MOST_SECONDS, Ejection


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def failing(ejection: Ejection, count: int, *, last: bool = False) -> list[bool]:
    return [ejection.failed(trial=False, last=last) for _ in range(count)]


def test_five_failures_in_a_row_eject_and_an_answer_between_them_starts_anew() -> None:
    ejection = Ejection(Clock())
    assert failing(ejection, 4) == [False] * 4
    ejection.worked(trial=False)
    assert failing(ejection, 5) == [False] * 4 + [True]
    assert (ejection.ejected, ejection.takes, ejection.failures) == (True, False, FAILURES_MAX)


def test_the_last_one_that_works_is_never_ejected_but_is_once_another_is_there() -> None:
    ejection = Ejection(Clock())
    assert not any(failing(ejection, 20, last=True))
    assert failing(ejection, 1) == [True]


def test_one_trial_at_a_time_and_its_first_byte_brings_the_backend_back_on_probation() -> None:
    clock = Clock()
    ejection = Ejection(clock)
    failing(ejection, 5)
    clock.now += FIRST_SECONDS - 0.1
    assert not ejection.takes
    clock.now += 0.1
    assert ejection.take()
    assert not ejection.takes
    assert ejection.began(trial=True)
    assert ejection.takes
    assert ejection.failed(trial=True, last=False), "on probation one failure ejects"


def test_each_failed_trial_doubles_the_time_up_to_half_a_minute_and_a_whole_answer_resets_it() -> None:
    clock = Clock()
    ejection = Ejection(clock)
    failing(ejection, 5)
    waits = []
    for _ in range(5):
        waits.append(ejection.left or 0)
        clock.now += waits[-1]
        assert ejection.take()
        assert ejection.failed(trial=True, last=True), "a trial that fails keeps it out, whoever else works"
    assert waits == [5, 10, 20, MOST_SECONDS, MOST_SECONDS]
    clock.now += MOST_SECONDS
    ejection.take()
    assert ejection.worked(trial=True)
    failing(ejection, 5)
    assert ejection.left == FIRST_SECONDS


def test_a_trial_that_tells_nothing_makes_room_for_another() -> None:
    clock = Clock()
    ejection = Ejection(clock)
    failing(ejection, 5)
    clock.now += FIRST_SECONDS
    ejection.take()
    ejection.give_up()
    assert ejection.take()


def test_what_ran_there_when_it_was_ejected_neither_prolongs_nor_ends_it() -> None:
    clock = Clock()
    ejection = Ejection(clock)
    failing(ejection, 5)
    assert not any(failing(ejection, 20))
    assert not ejection.worked(trial=False)
    assert ejection.left == FIRST_SECONDS


def test_what_other_processes_found_counts_here_too_and_a_trial_that_runs_decides() -> None:
    clock = Clock()
    ejection = Ejection(clock)
    assert ejection.heard_out(10)
    assert (ejection.ejected, ejection.takes, ejection.left) == (True, False, 10)
    assert not ejection.heard_out(5), "it was out already"
    assert ejection.left == 10, "and stays for the longer of both times"
    assert ejection.heard_back()
    assert (ejection.ejected, ejection.heard_back()) == (False, False)
    assert ejection.failed(trial=False, last=False), "on probation one failure ejects"
    clock.now += ejection.out_seconds
    assert ejection.take()
    assert not ejection.heard_out(30)
    assert ejection.began(trial=True)


def test_a_fifth_of_the_requests_may_be_tried_again_and_a_few_in_any_case() -> None:
    clock = Clock()
    budget = RetryBudget(clock)
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(100):
        budget.request()
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    clock.now += 9
    assert not budget.spend()
    clock.now += 1
    assert budget.spend()


def test_processes_that_each_keep_to_a_fifth_do_so_together() -> None:
    requests, spent = (1_000, 300, 60), 0
    for each in requests:
        budget = RetryBudget(lambda: 1.0)
        for _ in range(each):
            budget.request()
        while budget.spend():
            spent += 1
    assert spent == sum(requests) // 5
