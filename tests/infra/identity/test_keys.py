"""The verbs of keys."""

import asyncio
import json
from pathlib import Path

import pytest

from infra.config.objects import Limits
from infra.errors import BadRequest, Conflict, KeyInvalid, NotFound
from infra.identity import Identity
from infra.store.models import Key
from infra.units import Rate
from tests.infra.identity.conftest import ADDRESS, Clock, MakeUser, bearer


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_the_key_itself_is_nowhere_in_the_database(
    identity: Identity, make_user: MakeUser, tmp_path: Path
) -> None:
    key, text = await identity.keys.mint(await make_user("bob"))
    assert key.prefix == text[:15] and key.id in text
    files = everything_in(tmp_path)
    assert key.prefix.encode() in files
    assert text[15:47].encode() not in files and text.encode() not in files


async def test_a_rotated_key_works_through_its_grace_and_the_new_one_at_once(
    identity: Identity, make_user: MakeUser, clock: Clock
) -> None:
    limits = Limits(requests=Rate(60, 60))
    expires = clock.now + 10**12
    old, old_text = await identity.keys.mint(
        await make_user("bob"), "laptop", limits=limits, models=["a"], expires_us=expires, owner=True
    )
    before = await identity.caller(bearer(old_text), ADDRESS)
    new, new_text = await identity.keys.rotate(old.id, grace_seconds=60)
    after = await identity.caller(bearer(new_text), ADDRESS)
    assert (after.key_name, after.key_limits, after.models, after.owner, after.user_id) == (
        before.key_name,
        limits,
        before.models,
        True,
        before.user_id,
    )
    assert new.expires_us == expires
    clock.pass_seconds(59)
    await identity.caller(bearer(old_text), ADDRESS)
    clock.pass_seconds(1)
    with pytest.raises(KeyInvalid):
        await identity.caller(bearer(old_text), ADDRESS)
    await identity.caller(bearer(new_text), ADDRESS)
    assert (await identity.keys.find(old.id)).replaced_by == new.id


async def test_a_rotation_does_not_lengthen_a_life(identity: Identity, make_user: MakeUser, clock: Clock) -> None:
    old, _ = await identity.keys.mint(await make_user("bob"), expires_us=clock.now + 5_000_000)
    await identity.keys.rotate(old.id, grace_seconds=3600)
    assert (await identity.keys.find(old.id)).expires_us == clock.now + 5_000_000


async def test_a_key_is_rotated_once_even_by_two_at_the_same_time(identity: Identity, make_user: MakeUser) -> None:
    old, _ = await identity.keys.mint(await make_user("bob"))
    found = await asyncio.gather(*(identity.keys.rotate(old.id, 60) for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Conflict"] * 4 + ["tuple"]
    assert await Key.all().count() == 2


async def test_a_key_that_is_off_or_over_cannot_be_rotated(
    identity: Identity, make_user: MakeUser, clock: Clock
) -> None:
    user = await make_user("bob")
    off, _ = await identity.keys.mint(user)
    await identity.keys.change(off.id, active=False)
    over, _ = await identity.keys.mint(user, expires_us=clock.now + 1)
    clock.now += 1
    for key in (off, over):
        with pytest.raises(Conflict):
            await identity.keys.rotate(key.id)
    assert await Key.all().count() == 2
    for grace in (-1, float("nan"), float("inf"), 10**9):
        with pytest.raises(BadRequest) as found:
            await identity.keys.rotate(off.id, grace)
        assert found.value.param == "grace"


async def test_a_revoked_key_stays_revoked(identity: Identity, make_user: MakeUser) -> None:
    key, text = await identity.keys.mint(await make_user("bob"))
    first = await identity.keys.revoke(key.id)
    assert (await identity.keys.revoke(key.id)).expires_us == first.expires_us
    with pytest.raises(Conflict, match="revoked"):
        await identity.keys.change(key.id, active=True, expires_us=None)
    with pytest.raises(Conflict):
        await identity.keys.rotate(key.id)
    with pytest.raises(KeyInvalid):
        await identity.caller(bearer(text), ADDRESS)


async def test_an_admin_who_leaves_in_the_middle_of_a_revocation_does_not_leave_the_key_working(
    identity: Identity, make_user: MakeUser
) -> None:
    user = await make_user("bob")
    for pauses in range(6):
        key, text = await identity.keys.mint(user)
        await identity.caller(bearer(text), ADDRESS)
        leaving = asyncio.create_task(identity.keys.revoke(key.id))
        for _ in range(pauses + 1):
            await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        if pauses == 0:  # left before it began
            continue
        await identity.keys.revoke((await identity.keys.mint(user))[0].id)  # writes run one after the other
        with pytest.raises(KeyInvalid):
            await identity.caller(bearer(text), ADDRESS)


async def test_what_is_changed_is_changed_and_the_rest_stays(
    identity: Identity, make_user: MakeUser, clock: Clock
) -> None:
    key, text = await identity.keys.mint(await make_user("bob"), models=["a"], limits=Limits(concurrent=1))
    await identity.caller(bearer(text), ADDRESS)
    changed = await identity.keys.change(key.id, name="phone", models=None)
    assert (changed.name, changed.models_json) == ("phone", None)
    assert json.loads(changed.limits_json)["concurrent"] == 1
    caller = await identity.caller(bearer(text), ADDRESS)
    assert (caller.key_name, caller.models, caller.key_limits) == ("phone", None, Limits(concurrent=1))
    assert (await identity.keys.change(key.id)).name == "phone"
    assert (await identity.keys.change(key.id, expires_us=clock.now + 9)).expires_us == clock.now + 9


async def test_keys_are_found_by_id_or_prefix_and_by_nothing_else(identity: Identity, make_user: MakeUser) -> None:
    key, text = await identity.keys.mint(await make_user("bob"))
    assert (await identity.keys.find(key.id)).id == (await identity.keys.find(key.prefix)).id == key.id
    for other in ("", "nothing", text, "\0", "\ud800", "x" * 100_000):
        with pytest.raises(NotFound):
            await identity.keys.find(other)


async def test_keys_are_listed_and_counted_by_user(identity: Identity, make_user: MakeUser) -> None:
    bob, eve = await make_user("bob"), await make_user("eve")
    first, _ = await identity.keys.mint(bob)
    await identity.keys.mint(bob)
    await identity.keys.mint(eve)
    await identity.keys.revoke(first.id)
    assert len(await identity.keys.all()) == 3
    assert {key.user_id for key in await identity.keys.all(eve.id)} == {eve.id}
    assert await identity.keys.count_by_user() == {bob.id: 1, eve.id: 1}


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"models": []}, "models"),
        ({"models": [""]}, "models"),
        ({"models": ["\0"]}, "models"),
        ({"models": ["x" * 201]}, "models"),
        ({"expires_us": 1}, "expires"),
        ({"expires_us": 2**80}, "expires"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_the_name_of_the_field(
    identity: Identity, make_user: MakeUser, wanted: dict[str, object], param: str
) -> None:
    user = await make_user("bob")
    key, _ = await identity.keys.mint(user)
    for act in (identity.keys.mint(user, **wanted), identity.keys.change(key.id, **wanted)):
        with pytest.raises(BadRequest) as found:
            await act
        assert found.value.param == param
    assert await Key.all().count() == 1
