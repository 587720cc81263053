"""The door of the admin API."""

import pytest

from infra.config.objects import Secrets
from infra.errors import AdminRequired, KeyInvalid, RateLimited
from infra.identity import Identity
from infra.store.database import Store
from tests.infra.identity.conftest import ADDRESS, SECRETS, Clock, MakeUser, bearer

MASTER = {"x-admin-key": SECRETS.master_api_key}


async def test_the_admin_key_opens_by_either_header(identity: Identity) -> None:
    assert (await identity.admin(MASTER, ADDRESS)).name == "admin"
    assert (await identity.admin(bearer(SECRETS.master_api_key), ADDRESS)).name == "admin"


async def test_a_session_opens_by_either_header_until_it_ends(identity: Identity, clock: Clock) -> None:
    token, _ = identity.session()
    assert (await identity.admin({"x-admin-key": token}, ADDRESS)).name == "admin session"
    assert (await identity.admin(bearer(token), ADDRESS)).name == "admin session"
    clock.pass_seconds(8 * 3600)
    with pytest.raises(KeyInvalid):
        await identity.admin(bearer(token), ADDRESS)


async def test_a_session_ends_when_the_admin_key_or_the_secret_key_changes(
    identity: Identity, store: Store, clock: Clock
) -> None:
    token, _ = identity.session()
    for secrets in (Secrets(SECRETS.secret_key, "new master"), Secrets("new secret", SECRETS.master_api_key)):
        with pytest.raises(KeyInvalid):
            await Identity(store, secrets, clock).admin(bearer(token), ADDRESS)


async def test_a_users_key_is_a_403_and_a_wrong_or_missing_one_a_401(identity: Identity, make_user: MakeUser) -> None:
    _, text = await identity.keys.mint(await make_user("bob"))
    for headers in (bearer(text), {"x-admin-key": text}):
        with pytest.raises(AdminRequired):
            await identity.admin(headers, ADDRESS)
    with pytest.raises(KeyInvalid, match="Incorrect API key provided"):
        await identity.admin({"x-admin-key": "wrong"}, ADDRESS)
    with pytest.raises(KeyInvalid, match="didn't provide the admin key"):
        await identity.admin({}, ADDRESS)


async def test_nothing_of_a_wrong_admin_key_is_repeated(identity: Identity) -> None:
    near = SECRETS.master_api_key + "x"
    with pytest.raises(KeyInvalid) as found:
        await identity.admin({"x-admin-key": near}, ADDRESS)
    assert "***" not in found.value.message and near[-5:] not in found.value.message


async def test_an_empty_admin_key_in_the_environment_opens_nothing(store: Store, clock: Clock) -> None:
    identity = Identity(store, Secrets("secret", ""), clock)
    for headers in ({"x-admin-key": ""}, {"x-admin-key": " "}, bearer(""), {}):
        with pytest.raises(KeyInvalid):
            await identity.admin(headers, ADDRESS)


async def test_ten_wrong_admin_keys_a_minute_per_address_and_the_right_one_still_passes(identity: Identity) -> None:
    for _ in range(10):
        with pytest.raises(KeyInvalid):
            await identity.admin({"x-admin-key": "guess"}, ADDRESS)
    with pytest.raises(RateLimited) as found:
        await identity.admin({"x-admin-key": "guess"}, ADDRESS)
    assert found.value.status == 429 and found.value.headers()["retry-after"] == "6"
    await identity.admin(MASTER, ADDRESS)
    with pytest.raises(KeyInvalid):
        await identity.admin({"x-admin-key": "guess"}, "192.0.2.8")


async def test_guessing_the_admin_key_reads_no_database(identity: Identity, statements: list[str]) -> None:
    for number in range(500):
        with pytest.raises((KeyInvalid, RateLimited)):
            await identity.admin({"x-admin-key": f"guess {number}"}, ADDRESS)
    assert statements == []


@pytest.mark.parametrize("value", ["x" * 100_000, "\0", "é", "\ud800", "ags-1-0000000000000000-" + "0" * 64])
async def test_an_odd_admin_key_is_a_401(identity: Identity, value: str) -> None:
    for headers in ({"x-admin-key": value}, bearer(value)):
        with pytest.raises(KeyInvalid):
            await identity.admin(headers, ADDRESS)
