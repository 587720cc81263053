"""The verbs and names of users."""

import pytest

from infra.config.objects import Limits
from infra.errors import BadRequest, NotFound
from infra.identity import Identity
from infra.identity.names import check_name
from infra.units import Rate
from tests.infra.identity.conftest import ADDRESS, MakeUser, bearer


async def test_a_user_is_found_by_name_and_by_id(identity: Identity, make_user: MakeUser) -> None:
    rob = await make_user("rob")
    assert (await identity.users.find("rob")).id == (await identity.users.find(rob.id)).id == rob.id


async def test_a_user_not_found_is_named_with_the_one_probably_meant(identity: Identity, make_user: MakeUser) -> None:
    await make_user("rob")
    await make_user("Friederike")
    for asked, answer in [
        ("bob", "There is no user named bob; did you mean rob?"),
        ("friedrike", "There is no user named friedrike; did you mean Friederike?"),
        ("zzz", "There is no user named zzz."),
    ]:
        with pytest.raises(NotFound) as found:
            await identity.users.find(asked)
        assert found.value.message == answer


@pytest.mark.parametrize("name", ["", "\0", "a\0b", "\ud800", "x" * 100_000, "%", "'; --"])
async def test_an_odd_name_is_not_found_and_no_error_of_the_database(identity: Identity, name: str) -> None:
    with pytest.raises(NotFound):
        await identity.users.find(name)


async def test_users_are_listed_whole_or_in_pages_and_searched_in_any_case(
    identity: Identity, make_user: MakeUser
) -> None:
    names = [f"user {number:02}" for number in range(25)] + ["50% off", "BOB"]
    for name in names:
        await make_user(name)
    rows, cursor = await identity.users.page()
    assert sorted(row.name for row in rows) == sorted(names) and cursor is None
    seen: list[str] = []
    cursor = None
    while True:
        rows, cursor = await identity.users.page(limit=9, cursor=cursor)
        seen += [row.id for row in rows]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 27 and seen == sorted(seen)
    assert [row.name for row in (await identity.users.page(q="bob"))[0]] == ["BOB"]
    assert [row.name for row in (await identity.users.page(q="%"))[0]] == ["50% off"]
    assert await identity.users.page(q="x" * 100_000) == await identity.users.page(q="\0") == ([], None)
    assert await identity.users.page(cursor="\ud800") == ([], None)


async def test_a_change_is_seen_by_the_next_request(identity: Identity, make_user: MakeUser) -> None:
    user = await make_user("bob")
    _, text = await identity.keys.mint(user)
    await identity.caller(bearer(text), ADDRESS)
    changed = await identity.users.change(user, weight=7, limits=Limits(requests=Rate(5, 60)))
    assert (changed.weight, changed.active) == (7, True)
    caller = await identity.caller(bearer(text), ADDRESS)
    assert (caller.weight, caller.user_limits) == (7, Limits(requests=Rate(5, 60)))


@pytest.mark.parametrize("weight", [0, -1, 1_001, True, 1.5])
async def test_a_weight_that_cannot_be_is_refused(identity: Identity, make_user: MakeUser, weight: object) -> None:
    user = await make_user("bob")
    with pytest.raises(BadRequest) as found:
        await identity.users.change(user, weight=weight)
    assert found.value.param == "weight"


@pytest.mark.parametrize("name", ["a", "bob", "Ünïcødé 名前", "x" * 64, "a b", "bob@example.com", "👩‍🚀", "user_1"])
def test_people_may_be_called_as_they_are(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 65,
        " bob",
        "bob ",
        "a/b",
        "a\nb",
        "a\0b",
        "\x7f",
        "\x85",
        "\ud800",
        "a\u2028b",
        "a\u202eb",
        "user_0Vc7Srz41c3GC4hzU31x",
    ],
)
def test_a_name_that_would_break_a_route_a_screen_or_a_database_is_refused(name: str) -> None:
    with pytest.raises(BadRequest) as found:
        check_name(name)
    assert found.value.param == "username" and "\n" not in found.value.message
