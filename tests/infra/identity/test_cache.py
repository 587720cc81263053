"""What is remembered of keys."""

import asyncio
from collections.abc import Sequence

import pytest

from infra.config.objects import Limits
from infra.identity.cache import KeyCache
from infra.identity.caller import Caller, Known


def known(key_id: str, user_id: str = "u1", name: str = "bob") -> Known:
    return Known(Caller(user_id, name, key_id, "default", Limits(), Limits(), None, 1, False), "00", None, True, True)


class Table:
    """A table that counts its reads and answers when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[str, Known] = {}
        self.reads: list[str] = []
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def read(self, key_id: str) -> Known | None:
        self.reads.append(key_id)
        self.asked.set()
        found = self.rows.get(key_id)
        await self.open.wait()
        return found


async def test_a_key_is_read_once_and_so_is_one_that_does_not_exist() -> None:
    table = Table()
    table.rows["a"] = known("a")
    cache = KeyCache(table.read)
    for _ in range(3):
        assert await cache.get("a") == known("a")
        assert await cache.get("b") is None
    assert table.reads == ["a", "b"]


async def test_a_hundred_misses_at_once_share_one_read() -> None:
    table = Table()
    table.rows["a"] = known("a")
    cache = KeyCache(table.read)
    found = await asyncio.gather(*(cache.get("a") for _ in range(100)))
    assert found == [known("a")] * 100 and table.reads == ["a"]


async def test_the_one_who_began_the_read_may_leave_and_the_others_still_get_it() -> None:
    table = Table()
    table.rows["a"] = known("a")
    table.open.clear()
    cache = KeyCache(table.read)
    first, second = asyncio.create_task(cache.get("a")), asyncio.create_task(cache.get("a"))
    await table.asked.wait()
    first.cancel()
    await asyncio.sleep(0)
    table.open.set()
    assert await second == known("a") and first.cancelled() and table.reads == ["a"]


async def test_what_was_read_before_a_change_is_not_kept_and_nobody_new_joins_it() -> None:
    table = Table()
    table.rows["a"] = known("a", name="before")
    table.open.clear()
    cache = KeyCache(table.read)
    early = asyncio.create_task(cache.get("a"))
    await table.asked.wait()
    table.rows["a"] = known("a", name="after")
    cache.forget(user_id="u1")
    late = asyncio.create_task(cache.get("a"))
    await asyncio.sleep(0)
    table.open.set()
    assert (await early).caller.user_name == "before"
    assert (await late).caller.user_name == "after"
    assert (await cache.get("a")).caller.user_name == "after"
    assert table.reads == ["a", "a"]


async def test_both_sides_are_bounded_and_the_least_used_goes_first() -> None:
    table = Table()
    table.rows = {str(number): known(str(number)) for number in range(50)}
    cache = KeyCache(table.read, known_max=10, unknown_max=5)
    for number in range(100):
        await cache.get(str(number))
        await cache.get("0")
    assert len(cache) == 15
    assert table.reads.count("0") == 1  # in use all the time, so never dropped
    table.reads.clear()
    await cache.get("0")
    await cache.get("49")
    assert table.reads == []
    await cache.get("1")
    assert table.reads == ["1"]


async def test_forgetting_reaches_one_key_the_keys_of_a_user_or_all() -> None:
    table = Table()
    table.rows = {"a": known("a"), "b": known("b"), "c": known("c", "u2")}
    cache = KeyCache(table.read)

    async def read_again() -> list[str]:
        table.reads.clear()
        for key_id in "abcd":
            await cache.get(key_id)
        return table.reads

    await read_again()
    cache.forget(key_id="a")
    assert await read_again() == ["a"]
    cache.forget(user_id="u1")
    assert await read_again() == ["a", "b"]
    cache.forget(key_id="d")
    assert await read_again() == ["d"]
    cache.forget()
    assert await read_again() == ["a", "b", "c", "d"]


async def test_a_read_that_fails_is_told_to_all_and_remembered_for_none() -> None:
    calls = 0

    async def fails(key_id: str) -> Known | None:
        nonlocal calls
        calls += 1
        raise OSError("gone")

    cache = KeyCache(fails)
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await cache.get("a")
    assert calls == 2 and len(cache) == 0


async def test_keys_used_last_are_read_anew_together_and_the_others_forgotten() -> None:
    table = Table()
    table.rows = {name: known(name) for name in "abc"}
    cache = KeyCache(table.read)
    for name in "abcx":
        await cache.get(name)
    asked: list[list[str]] = []

    async def read(ids: Sequence[str]) -> dict[str, Known]:
        asked.append(list(ids))
        return {"c": known("c", name="new")}  # b is gone

    table.reads.clear()
    await cache.refresh(read, 2)
    assert asked == [["c", "b"]]
    assert await cache.get("c") == known("c", name="new") and table.reads == []
    await cache.get("b")
    assert table.reads == ["b"]


async def test_a_key_that_was_changed_while_all_were_read_is_not_kept_as_it_was() -> None:
    table = Table()
    table.rows = {"a": known("a")}
    cache = KeyCache(table.read)
    await cache.get("a")

    async def read(_: Sequence[str]) -> dict[str, Known]:
        cache.forget(key_id="a")
        return {"a": known("a", name="old")}

    await cache.refresh(read, 9)
    assert await cache.get("a") == known("a")


async def test_where_they_cannot_be_read_all_are_forgotten() -> None:
    table = Table()
    table.rows = {"a": known("a")}
    cache = KeyCache(table.read)
    await cache.get("a")

    async def read(_: Sequence[str]) -> dict[str, Known]:
        raise OSError

    with pytest.raises(OSError):
        await cache.refresh(read, 9)
    assert len(cache) == 0
