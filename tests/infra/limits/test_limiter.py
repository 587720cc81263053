"""Tickets: who passes, what a refusal says, what the headers show."""

from collections.abc import Coroutine
from typing import Any

import pytest

from infra.config.objects import Limits
from infra.errors import RateLimited
from infra.limits import Limiter, Subject
from infra.units import Rate
from tests.infra.limits.clock import Clock

KEY = Subject("key:k1", Limits(requests=Rate(3, 60), tokens=Rate(1_000, 60), concurrent=2), "your key")
USER = Subject("user:u1", Limits(requests=Rate(5, 60)), "your account")


async def refused(act: Coroutine[Any, Any, Any]) -> RateLimited:
    with pytest.raises(RateLimited) as found:
        await act
    return found.value


async def test_sixty_a_minute_lets_sixty_pass_and_not_one_more_until_the_first_has_left() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    subject = Subject("key", Limits(requests=Rate(60, 60)))
    for _ in range(60):
        await limiter.admit([subject])
        clock.pass_seconds(0.1)
    error = await refused(limiter.admit([subject]))
    assert error.retry_after == pytest.approx(54.0)
    clock.pass_seconds(54)
    await limiter.admit([subject])
    await refused(limiter.admit([subject]))


async def test_a_refusal_by_one_subject_counts_in_no_other() -> None:
    limiter = Limiter(Clock())
    for _ in range(3):
        await limiter.admit([KEY, USER])
    for _ in range(50):
        await refused(limiter.admit([USER, KEY]))
    await limiter.admit([USER])
    await limiter.admit([USER])
    await refused(limiter.admit([USER]))


async def test_a_refused_reservation_takes_neither_tokens_nor_a_place() -> None:
    limiter = Limiter(Clock())
    other = Subject("total", Limits(tokens=Rate(500, 60), concurrent=1), "this endpoint")
    ticket = await limiter.admit([KEY, other])
    await refused(ticket.reserve(501))
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "500"
    await ticket.reserve(500)
    again = await limiter.admit([KEY, other])
    await refused(again.reserve(1))
    assert (await limiter.admit([KEY])).headers()["x-ratelimit-remaining-tokens"] == "500"


async def test_the_words_say_who_what_and_how_long() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    for _ in range(3):
        await limiter.admit([KEY])
    clock.pass_seconds(12.34)
    error = await refused(limiter.admit([KEY]))
    assert error.message == (
        "Rate limit reached for your key on requests per minute: Limit 3, Used 3, Requested 1. "
        "Please try again in 47.7s."
    )
    assert error.headers()["retry-after"] == "48"
    assert error.headers()["x-ratelimit-remaining-requests"] == "0"
    assert error.headers()["x-ratelimit-limit-requests"] == "3"
    assert "x-should-retry" not in error.headers()


async def test_a_wait_above_a_minute_tells_sdks_not_to_sleep_on_it() -> None:
    limiter = Limiter(Clock())
    daily = Subject("key", Limits(requests=Rate(1, 86_400)))
    await limiter.admit([daily])
    error = await refused(limiter.admit([daily]))
    assert error.headers()["retry-after"] == "86400"
    assert error.headers()["x-should-retry"] == "false"
    assert "24h0m0s" in error.message


async def test_more_tokens_than_the_whole_limit_can_never_pass_and_the_answer_says_so() -> None:
    ticket = await Limiter(Clock()).admit([KEY])
    error = await refused(ticket.reserve(1_001))
    assert "can never pass" in error.message and "1001" in error.message
    assert error.headers()["x-should-retry"] == "false"
    assert "retry-after" not in error.headers()
    await ticket.reserve(1_000)


async def test_of_several_refusing_subjects_the_longest_wait_is_told() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    minute, hour = Subject("m", Limits(requests=Rate(1, 60))), Subject("h", Limits(requests=Rate(1, 3_600)))
    await limiter.admit([minute, hour])
    assert (await refused(limiter.admit([hour, minute]))).retry_after == 3_600
    clock.pass_seconds(3_600)
    await limiter.admit([minute, hour])


async def test_concurrency_counts_what_runs_and_release_is_idempotent() -> None:
    limiter = Limiter(Clock())
    first, second, third = [await limiter.admit([KEY]) for _ in range(3)]
    await first.reserve(1)
    await second.reserve(1)
    error = await refused(third.reserve(1))
    assert error.retry_after == 1 and "Limit 2, running 2" in error.message
    third.release()  # never reserved: gives nothing back that it does not have
    await refused(third.reserve(1))
    first.release()
    first.release()
    await third.reserve(1)
    second.release()
    third.release()
    assert limiter.windows._places == {}


async def test_tokens_are_reserved_and_then_corrected_so_remaining_is_true() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    ticket = await limiter.admit([KEY])
    await ticket.reserve(900)
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "100"
    clock.pass_seconds(5)
    ticket.correct(412)
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "588"
    assert ticket.headers()["x-ratelimit-reset-tokens"] == "55s"
    ticket.correct(0)
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "1000"


async def test_more_than_was_reserved_leaves_zero_not_a_negative_number() -> None:
    ticket = await Limiter(Clock()).admit([KEY])
    ticket.correct(77)  # nothing was reserved: nothing to correct
    await ticket.reserve(900)
    ticket.correct(10**30)
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "0"


async def test_a_ticket_reserves_once_and_a_subject_comes_once() -> None:
    ticket = await Limiter(Clock()).admit([KEY])
    await ticket.reserve(1)
    with pytest.raises(RuntimeError):
        await ticket.reserve(1)
    with pytest.raises(ValueError, match="twice"):
        await Limiter(Clock()).admit([KEY, KEY])


async def test_a_model_joins_when_it_is_known_and_counts_in_everything_from_there_on() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    model = Subject("model:m", Limits(requests=Rate(2, 60), tokens=Rate(100, 60), concurrent=1), "this model")
    for _ in range(2):
        ticket = await limiter.admit([USER])
        await ticket.join([model])
        assert "x-ratelimit-limit-tokens" in ticket.headers()
    third = await limiter.admit([USER])
    assert "this model" in (await refused(third.join([model]))).message
    assert third.headers()["x-ratelimit-limit-requests"] == "5"  # the model has not joined
    assert third.headers()["x-ratelimit-remaining-requests"] == "2"
    assert "can never pass" in (await refused(ticket.reserve(101))).message
    await ticket.reserve(100)
    ticket.release()
    assert limiter.windows._places == {}


async def test_a_model_that_joins_after_the_reservation_gets_the_tokens_reserved_and_a_place_taken() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    fallback = Subject("model:f", Limits(requests=Rate(2, 60), tokens=Rate(100, 60), concurrent=1), "this model")
    ticket = await limiter.admit([KEY])
    await ticket.reserve(80)
    clock.pass_seconds(5)
    await ticket.join([fallback])
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "20"
    other = await limiter.admit([USER])
    await other.reserve(30)
    assert "Limit 100" in (await refused(other.join([fallback]))).message
    assert "x-ratelimit-limit-tokens" not in other.headers(), "it counts in none of the fallback's limits"
    ticket.correct(10)
    assert "running 1" in (await refused(other.join([fallback]))).message
    assert ticket.headers()["x-ratelimit-remaining-tokens"] == "90"
    ticket.release()
    await other.join([fallback])
    other.release()
    assert limiter.windows._places == {}


async def test_a_refusal_shows_the_headers_of_the_subject_that_refused() -> None:
    limiter = Limiter(Clock())
    for _ in range(3):
        await limiter.admit([KEY, USER])
    error = await refused(limiter.admit([USER, KEY]))
    assert error.headers()["x-ratelimit-limit-requests"] == "3"
    assert error.headers()["x-ratelimit-remaining-requests"] == "0"


async def test_headers_show_the_tightest_of_requests_and_of_tokens_each_by_itself() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    wide = Subject("user:u2", Limits(requests=Rate(100, 60), tokens=Rate(50, 3_600)))
    ticket = await limiter.admit([KEY, wide])
    clock.pass_seconds(0.5)
    assert ticket.headers() == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "59.5s",
        "x-ratelimit-limit-tokens": "50",
        "x-ratelimit-remaining-tokens": "50",
        "x-ratelimit-reset-tokens": "0ms",
    }


async def test_nothing_limited_gives_no_headers_and_lets_everything_pass() -> None:
    limiter = Limiter(Clock())
    for _ in range(1_000):
        ticket = await limiter.admit([Subject("free", Limits())])
        await ticket.reserve(10**12)
    assert ticket.headers() == {}
    assert (await limiter.admit([])).headers() == {}
