"""From headers to a caller: who passes, and what the others are told."""

import asyncio
import secrets
import string

import pytest
from tortoise.connection import get_connection

from infra.config.objects import Limits
from infra.errors import BillingUnavailable, KeyDisabled, KeyInvalid, RateLimited
from infra.identity import Caller, Identity
from infra.identity.identity import BAD_KEYS_PER_MINUTE, _read
from infra.identity.keyring import Keyring
from infra.store.database import Store
from infra.store.models import Key
from infra.units import Rate
from tests.infra.identity.conftest import ADDRESS, SECRETS, Clock, MakeUser, bearer

BASE62 = string.digits + string.ascii_letters


async def test_a_key_gives_its_user_its_limits_and_its_models(identity: Identity, make_user: MakeUser) -> None:
    user = await make_user("bob", weight=3, limits_json='{"tokens": "200K/m"}')
    limits = Limits(requests=Rate(60, 60), concurrent=2)
    key, text = await identity.keys.mint(user, "laptop", limits=limits, models=["b", "a", "a"], owner=True)
    assert await identity.caller(bearer(text), ADDRESS) == Caller(
        user_id=user.id,
        user_name="bob",
        key_id=key.id,
        key_name="laptop",
        key_limits=limits,
        user_limits=Limits(tokens=Rate(200_000, 60)),
        models=frozenset({"a", "b"}),
        weight=3,
        owner=True,
    )


async def test_ten_thousand_random_keys_cause_no_database_read_and_a_real_one_causes_two(
    identity: Identity, make_user: MakeUser, statements: list[str]
) -> None:
    _, text = await identity.keys.mint(await make_user("bob"))
    statements.clear()
    for number in range(10_000):
        wrong = "sk-" + "".join(secrets.choice(BASE62) for _ in range(50))
        with pytest.raises((KeyInvalid, RateLimited)):
            await identity.caller(bearer(wrong), f"10.{number % 7}.0.1")
    assert statements == []
    for _ in range(100):
        await identity.caller(bearer(text), ADDRESS)
    assert len(statements) == 2, statements


async def test_a_key_of_ours_that_is_no_longer_there_is_looked_up_once(
    identity: Identity, statements: list[str]
) -> None:
    _, text = Keyring(SECRETS.secret_key).make()
    for _ in range(5):
        with pytest.raises(KeyInvalid):
            await identity.caller(bearer(text), ADDRESS)
    assert len(statements) == 1


async def test_a_wrong_key_is_told_in_openais_words_and_never_repeated_whole(identity: Identity) -> None:
    with pytest.raises(KeyInvalid) as found:
        await identity.caller(bearer("sk-abcdefghijklmnopqrstuvwxyz"), ADDRESS)
    assert found.value.message.startswith("Incorrect API key provided: sk-ab***wxyz.")
    assert "cdefgh" not in str(found.value.body())
    assert found.value.code == "invalid_api_key" and found.value.status == 401


async def test_a_missing_key_is_told_how_to_send_one(identity: Identity) -> None:
    for headers in ({}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer "}):
        with pytest.raises(KeyInvalid, match="You didn't provide an API key"):
            await identity.caller(headers, ADDRESS)


async def test_the_admin_key_on_a_users_route_is_not_shown_even_masked(identity: Identity) -> None:
    with pytest.raises(KeyInvalid, match="this is the admin key") as found:
        await identity.caller(bearer(SECRETS.master_api_key), ADDRESS)
    assert SECRETS.master_api_key[-4:] not in found.value.message


@pytest.mark.parametrize(
    "value",
    [
        "Bearer " + "x" * 100_000,
        "Bearer sk-" + "\0" * 50,
        "Bearer sk-" + "é" * 50,
        "Bearer \ud800\udfff",
        "Bearer \xff\xfe",
        "bearer      sk-     x",
        "Bearer a, Bearer b",
        " ",
        "\0",
    ],
)
async def test_an_odd_header_is_a_401_and_never_more_than_that(identity: Identity, value: str) -> None:
    for name in ("authorization", "x-api-key", "api-key"):
        with pytest.raises(KeyInvalid) as found:
            await identity.caller({name: value}, ADDRESS)
        assert len(found.value.message.encode("utf-8")) < 500


async def test_an_expired_key_is_refused_from_that_microsecond_on(
    identity: Identity, make_user: MakeUser, clock: Clock
) -> None:
    _, text = await identity.keys.mint(await make_user("bob"), expires_us=clock.now + 5_000_000)
    clock.now += 4_999_999
    await identity.caller(bearer(text), ADDRESS)
    clock.now += 1
    with pytest.raises(KeyInvalid, match=r"^Incorrect API key provided.*has expired"):
        await identity.caller(bearer(text), ADDRESS)


async def test_a_revoked_key_is_a_401_and_a_key_switched_off_a_403_until_it_is_on_again(
    identity: Identity, make_user: MakeUser
) -> None:
    key, text = await identity.keys.mint(await make_user("bob"))
    await identity.caller(bearer(text), ADDRESS)
    await identity.keys.change(key.id, active=False)
    with pytest.raises(KeyDisabled) as found:
        await identity.caller(bearer(text), ADDRESS)
    assert (found.value.status, found.value.code) == (403, "key_disabled")
    await identity.keys.change(key.id, active=True)
    await identity.caller(bearer(text), ADDRESS)
    await identity.keys.revoke(key.id)
    with pytest.raises(KeyInvalid, match=r"^Incorrect API key provided.*was revoked"):
        await identity.caller(bearer(text), ADDRESS)


async def test_a_user_switched_off_takes_all_their_keys_along(identity: Identity, make_user: MakeUser) -> None:
    user = await make_user("bob")
    texts = [(await identity.keys.mint(user))[1] for _ in range(3)]
    for text in texts:
        await identity.caller(bearer(text), ADDRESS)
    await identity.users.change(user, active=False)
    for text in texts:
        with pytest.raises(KeyDisabled):
            await identity.caller(bearer(text), ADDRESS)


async def test_wrong_keys_are_braked_by_address_and_right_ones_pass_all_the_same(
    identity: Identity, make_user: MakeUser
) -> None:
    _, text = await identity.keys.mint(await make_user("bob"))
    for _ in range(BAD_KEYS_PER_MINUTE):
        with pytest.raises(KeyInvalid):
            await identity.caller(bearer("sk-wrong"), ADDRESS)
    with pytest.raises(RateLimited) as found:
        await identity.caller(bearer("sk-wrong"), ADDRESS)
    assert found.value.headers() == {"retry-after": "1", "x-should-retry": "false"}
    await identity.caller(bearer(text), ADDRESS)
    with pytest.raises(KeyInvalid):
        await identity.caller(bearer("sk-wrong"), "192.0.2.8")


async def test_a_missing_or_expired_key_is_no_attempt_at_guessing(
    identity: Identity, make_user: MakeUser, clock: Clock
) -> None:
    _, text = await identity.keys.mint(await make_user("bob"), expires_us=clock.now + 1)
    clock.pass_seconds(1)
    for _ in range(BAD_KEYS_PER_MINUTE + 5):
        for headers in ({}, bearer(text)):
            with pytest.raises(KeyInvalid):
                await identity.caller(headers, ADDRESS)


async def test_a_row_whose_hash_is_not_of_this_key_opens_nothing(identity: Identity, make_user: MakeUser) -> None:
    key, text = await identity.keys.mint(await make_user("bob"))
    await Key.filter(id=key.id).update(secret_hmac="0" * 64)
    with pytest.raises(KeyInvalid):
        await identity.caller(bearer(text), ADDRESS)


async def test_a_hundred_first_requests_of_a_key_at_once_read_it_once(
    identity: Identity, make_user: MakeUser, statements: list[str]
) -> None:
    _, text = await identity.keys.mint(await make_user("bob"))
    statements.clear()
    await asyncio.gather(*(identity.caller(bearer(text), ADDRESS) for _ in range(100)))
    assert len(statements) == 2


async def test_a_database_that_cannot_be_read_is_a_503_and_works_again_afterwards(
    identity: Identity, make_user: MakeUser, store: Store
) -> None:
    _, text = await identity.keys.mint(await make_user("bob"))
    connection = get_connection(store.connection_name)
    await connection.execute_script("ALTER TABLE keys RENAME TO keys_away")
    with pytest.raises(BillingUnavailable):
        await identity.caller(bearer(text), ADDRESS)
    await connection.execute_script("ALTER TABLE keys_away RENAME TO keys")
    await identity.caller(bearer(text), ADDRESS)


async def test_a_key_whose_user_is_gone_is_no_key(store: Store) -> None:
    assert await _read("nothing") is None


async def test_when_a_key_was_last_used_is_written_together_and_not_per_request(
    identity: Identity, make_user: MakeUser, clock: Clock, statements: list[str]
) -> None:
    user = await make_user("bob")
    minted = [await identity.keys.mint(user) for _ in range(600)]
    for _, text in minted:
        await identity.caller(bearer(text), ADDRESS)
    clock.pass_seconds(7)
    for _ in range(50):
        await identity.caller(bearer(minted[0][1]), ADDRESS)
    statements.clear()
    assert await identity.flush_last_used() == 600
    assert len([each for each in statements if each.startswith("UPDATE")]) == 2  # batches of 500
    rows = {key.id: key.last_used_us for key in await identity.keys.all()}
    assert rows[minted[0][0].id] == clock.now
    assert set(rows.values()) == {clock.now, clock.now - 7_000_000}
    assert await identity.flush_last_used() == 0


async def test_last_use_that_could_not_be_written_is_written_the_next_time(
    identity: Identity, make_user: MakeUser, store: Store, clock: Clock
) -> None:
    key, text = await identity.keys.mint(await make_user("bob"))
    await identity.caller(bearer(text), ADDRESS)
    connection = get_connection(store.connection_name)
    await connection.execute_script("ALTER TABLE keys RENAME TO keys_away")
    with pytest.raises(Exception, match="keys"):
        await identity.flush_last_used()
    await connection.execute_script("ALTER TABLE keys_away RENAME TO keys")
    assert await identity.flush_last_used() == 1
    assert (await identity.keys.find(key.id)).last_used_us == clock.now
