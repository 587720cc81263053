"""Sums answer what a plain scan of the log answers, to the nano, at every moment of the roller's work."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from infra.ledger.books import RequestRow
from infra.rollups.facts import Facts
from infra.rollups.figures import DAY_US, HOUR_US, Figures, added
from infra.rollups.roller import Roller, state
from infra.store.database import Store
from infra.store.models import Request
from tests.infra.journal.conftest import NOW

BEGIN = NOW - 3 * DAY_US
GROUPS = [
    (), ("hour",), ("day",), ("day", "model"), ("hour", "backend"), ("model", "endpoint"), ("user_id",),
    ("day", "user_id"), ("key_id", "model"), ("hour", "user_id"), ("backend", "user_id"),
]  # fmt: skip


def made(rng: random.Random, number: int) -> Request:
    at = BEGIN + rng.randrange(NOW - BEGIN)
    state, status = rng.choice((("SETTLED", 200), ("SETTLED", 499), ("VOID", 502), ("VOID", 429), ("HELD", None)))
    charged = rng.randrange(10**9) if state == "SETTLED" else 0
    user = rng.choice(("ada", "bob"))
    return Request(
        id=f"req_{number:04d}", state=state, instance="inst", user_id=f"user_{user}", key_id=rng.choice("kl") + user,
        endpoint=rng.choice(("chat", "completions")), model=rng.choice("mno"), backend=rng.choice(("one", "two", None)),
        stream=True, status=status, charged=charged, refunded=rng.choice((0, charged // 3)), created_us=at,
        input_tokens=rng.randrange(5_000), output_tokens=rng.randrange(900), held_us=at + 5,
        first_byte_us=at + rng.randrange(1, 10**7), finished_us=at + rng.randrange(10**7, 10**8),
    )  # fmt: skip


async def fill(count: int = 300, seed: int = 3) -> None:
    rng = random.Random(seed)
    await Request.bulk_create([made(rng, number) for number in range(count)])


def name_of(row: Request, group: str) -> Any:
    if group in ("hour", "day"):
        return row.created_us // (HOUR_US if group == "hour" else DAY_US)
    return getattr(row, group) or ""


def counted(row: Request) -> Figures:
    failed = int(row.status is not None and row.status >= 400 and row.status != 499)
    return Figures(1, row.charged - row.refunded, failed, row.input_tokens, row.output_tokens)


async def scanned(by: Sequence[str], since: int, until: int, where: Mapping[str, str]) -> dict[Any, Figures]:
    found: dict[Any, list[Figures]] = {}
    for row in await Request.filter(state__in=["SETTLED", "VOID"], created_us__gte=since, created_us__lt=until):
        if all(name_of(row, name) == value for name, value in where.items()):
            found.setdefault(tuple(name_of(row, group) for group in by), []).append(counted(row))
    return {group: added(figures) for group, figures in found.items()}


async def compare(store: Store, seed: int, tries: int = 25) -> None:
    """Random questions, with edges on and off the hour and the day."""
    rng, facts = random.Random(seed), Facts(store)
    for _ in range(tries):
        by = rng.choice(GROUPS)
        edges = [
            rng.randrange(BEGIN - HOUR_US, NOW + HOUR_US) // step * step
            for step in rng.choices((1, HOUR_US, DAY_US), k=2)
        ]
        since, until = min(edges), max(edges)
        where = rng.choice(({}, {"model": "m"}, {"user_id": "user_ada"}, {"backend": "one"}, {"endpoint": "chat"}))
        rows = await facts.grouped(by, since, until, where)
        answered = {tuple(row[name] for name in by): Figures.of(row) for row in rows}
        if not by:
            answered = {group: figures for group, figures in answered.items() if figures != Figures()}
        assert answered == await scanned(by, since, until, where), (by, since, until, where)
        assert all(row["groups_"] == len(rows) for row in rows if by)


async def roll(store: Store, now: int = NOW + DAY_US, most: int = 1_000) -> int:
    roller, steps = Roller(store), 0
    while steps < most and await roller.step(now):
        steps += 1
    return steps


async def test_sums_are_those_of_a_scan_before_while_and_after_they_are_made(store: Store) -> None:
    await fill()
    await compare(store, 1)
    for step in range(1, 4):
        await roll(store, NOW - 5 * HOUR_US, most=step)
        await compare(store, 10 + step)
    await roll(store)
    assert (await state(store)).rolled_until_us > NOW
    await compare(store, 2, tries=60)
    assert await roll(store) == 0, "nothing is left to do"


async def test_what_changes_after_its_hour_was_summed_up_is_summed_up_anew(store: Store) -> None:
    await fill()
    await roll(store)
    settled = await Request.filter(state="SETTLED", charged__gt=10).limit(20)
    for row in settled[:10]:
        await Request.filter(id=row.id).update(refunded=row.charged)
    for row in await Request.filter(state="HELD").limit(10):
        await Request.filter(id=row.id).update(state="SETTLED", status=200, charged=77, output_tokens=3)
    await Request.bulk_create([made(random.Random(99), number) for number in range(900, 910)])
    assert await roll(store) > 0
    await compare(store, 3, tries=60)
    assert await store.rows("SELECT id FROM rollup_marks") == []


async def test_a_change_that_comes_while_its_hour_is_being_summed_up_is_not_lost(
    store: Store, monkeypatch: Any
) -> None:
    await fill(60)
    await roll(store)
    first, second = await Request.filter(state="SETTLED", charged__gt=10, refunded=0).limit(2)
    await Request.filter(id=first.id).update(refunded=5)
    change = Store.change

    async def late(self: Store, *steps: Any) -> bool:
        monkeypatch.setattr(Store, "change", change)
        await Request.filter(id=second.id).update(refunded=7)
        return await change(self, *steps)

    monkeypatch.setattr(Store, "change", late)
    await roll(store)
    await compare(store, 4, tries=40)


async def test_several_rollers_at_once_make_the_same_sums_as_one(store: Store) -> None:
    await fill()
    await asyncio.gather(*(roll(store) for _ in range(3)))
    await roll(store)
    await compare(store, 5, tries=40)
    hours = await store.rows("SELECT SUM(requests) AS n FROM usage_hours")
    ended = await Request.filter(state__in=["SETTLED", "VOID"]).count()
    assert int(hours[0]["n"]) == ended


async def test_sums_by_hour_and_user_are_those_of_the_last_days_alone(store: Store, monkeypatch: Any) -> None:
    kept = 2 * 24
    monkeypatch.setattr("infra.rollups.roller.USER_HOURS_KEPT", kept)
    await fill()
    await roll(store, NOW - DAY_US)
    await compare(store, 7, tries=40)
    await roll(store)
    await compare(store, 8, tries=40)
    begin = (NOW + DAY_US) // HOUR_US - kept
    rows = await store.rows("SELECT MIN(hour) AS first, SUM(requests) AS n FROM user_hours")
    ended = Request.filter(state__in=["SETTLED", "VOID"], created_us__gte=begin * HOUR_US)
    assert rows[0]["first"] >= begin and int(rows[0]["n"]) == await ended.count() > 0
    for row in await Request.filter(state="SETTLED", charged__gt=10, created_us__lt=begin * HOUR_US):
        await Request.filter(id=row.id).update(refunded=row.charged)
    await roll(store)
    assert (await store.rows("SELECT MIN(hour) AS first FROM user_hours"))[0]["first"] >= begin
    await compare(store, 9)


async def test_sums_by_hour_and_user_are_not_asked_for_hours_that_they_never_saw(store: Store) -> None:
    await fill()
    await roll(store, NOW - DAY_US)
    await store.run("DELETE FROM user_hours")  # as a house that is upgraded
    await store.run("UPDATE rollup_state SET user_hours_from_us = rolled_until_us")
    await roll(store)
    await compare(store, 10, tries=60)
    await Roller(store).forget()
    await compare(store, 11)
    await roll(store)
    await compare(store, 12, tries=40)
    rows = await store.rows("SELECT SUM(requests) AS n FROM user_hours")
    assert int(rows[0]["n"]) == await Request.filter(state__in=["SETTLED", "VOID"]).count()


async def test_sums_that_were_thrown_away_come_again_and_are_right_meanwhile(store: Store) -> None:
    await fill()
    await roll(store)
    before = await store.rows("SELECT * FROM usage_days ORDER BY day, user_id, key_id, model")
    speeds = await store.rows("SELECT * FROM speed_days ORDER BY day, model, backend")
    await Roller(store).forget()
    assert await store.rows("SELECT * FROM usage_days") == []
    await compare(store, 6)
    await roll(store)
    assert await store.rows("SELECT * FROM usage_days ORDER BY day, user_id, key_id, model") == before
    assert await store.rows("SELECT * FROM speed_days ORDER BY day, model, backend") == speeds


@pytest.mark.parametrize("recent", [True, False])
async def test_only_what_is_late_leaves_a_mark(store: Store, recent: bool) -> None:
    from infra.store.clock import SECOND_US, now_us

    at = now_us() - (5 if recent else 1_000) * SECOND_US
    row = RequestRow("req_x", "HELD", "inst", "user_ada", "k", "chat", "m", at)
    await Request.create(**{name: getattr(row, name) for name in RequestRow.__dataclass_fields__})
    await Request.filter(id="req_x").update(progress=3)
    assert await store.rows("SELECT id FROM rollup_marks") == [], "what runs still is no figure"
    await Request.filter(id="req_x").update(state="SETTLED")
    marks = await store.rows("SELECT created_us FROM rollup_marks")
    assert [mark["created_us"] for mark in marks] == ([] if recent else [at])


async def test_the_busy_time_of_a_backend_counts_what_runs_side_by_side_once(store: Store) -> None:
    at, second = NOW - NOW % DAY_US, 1_000_000
    spans = [(0, 10), (2, 5), (8, 14), (20, 21), (20, 20)]
    for number, (begin, end) in enumerate(spans):
        await Request.create(
            id=f"b{number}", state="SETTLED", instance="i", user_id="user_ada", key_id="k", endpoint="chat", model="m",
            backend="one", status=200, created_us=at, held_us=at + begin * second, finished_us=at + end * second,
        )  # fmt: skip
    await roll(store)
    rows = await store.rows("SELECT model, busy_us FROM speed_days WHERE backend = 'one' ORDER BY model")
    took = sum(end - begin for begin, end in spans)
    assert [(row["model"], row["busy_us"] // second) for row in rows] == [("", 15), ("m", took)]
    assert Counter(row["model"] for row in rows) == {"": 1, "m": 1}
