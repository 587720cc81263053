"""Wrong attempts per address."""

import asyncio

import pytest

from infra.identity.brakes import Brakes


async def count(brakes: Brakes, address: str, times: int) -> list[float | None]:
    return [await brakes.count(address) for _ in range(times)]


async def test_ten_wrong_attempts_a_minute_and_the_eleventh_is_told_how_long_to_wait() -> None:
    brakes = Brakes(10)
    assert await count(brakes, "192.0.2.1", 12) == [None] * 10 + [6.0, 6.0]


async def test_wrong_attempts_at_the_same_time_do_not_slip_through() -> None:
    brakes = Brakes(10)
    found = await asyncio.gather(*(brakes.count("192.0.2.1") for _ in range(50)))
    assert found.count(None) == 10


async def test_one_address_does_not_pay_for_another() -> None:
    brakes = Brakes(1)
    await count(brakes, "192.0.2.1", 5)
    assert await brakes.count("192.0.2.2") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1:5001", "192.0.2.1:5002", True),
        ("[2001:db8::1]:5001", "2001:db8::2", True),
        ("unix", "unix", True),
        ("", "192.0.2.1", False),
    ],
)
async def test_an_ipv6_network_counts_as_one_address(one: str, other: str, same: bool) -> None:
    brakes = Brakes(1)
    await brakes.count(one)
    assert (await brakes.count(other) is not None) is same


async def test_addresses_are_remembered_up_to_a_bound_the_oldest_go_first() -> None:
    brakes = Brakes(1, addresses_max=100)
    for number in range(300):
        await brakes.count(f"10.0.{number // 256}.{number % 256}")
        await brakes.count("192.0.2.1")
    assert len(brakes) == 100
    assert await brakes.count("192.0.2.1") is not None


def test_brakes_work_in_a_second_event_loop_without_a_warning() -> None:
    brakes = Brakes(1)
    for _ in range(2):
        assert asyncio.run(count(brakes, "192.0.2.1", 2)) == [None, 60.0]
