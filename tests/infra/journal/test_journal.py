"""Pages of the request log: complete, without doubles, filtered, whatever comes in meanwhile."""

import pytest
from tortoise.transactions import in_transaction

from infra.errors import BadRequest
from infra.journal.journal import Journal
from infra.journal.line import Filters, Line
from infra.journal.searched import page_of
from infra.store.database import Store
from infra.store.models import AuditEvent, Entry
from tests.infra.journal.conftest import DAY, NOW, Log


async def all_pages(journal: Journal, filters: Filters, limit: int) -> list[Line]:
    found: list[Line] = []
    cursor: str | None = None
    while True:
        page = await journal.page(filters, cursor, limit)
        found += page.rows
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 100])
async def test_pages_hold_every_line_once_newest_first_though_times_are_equal(
    journal: Journal, log: Log, limit: int
) -> None:
    for at in (NOW, NOW, NOW, NOW - 5, NOW - 5, NOW + 9, NOW):
        await log(created_us=at)
    ids = [line.id for line in await all_pages(journal, Filters(), limit)]
    assert ids == ["req_0006", "req_0007", "req_0003", "req_0002", "req_0001", "req_0005", "req_0004"]


async def test_a_line_that_comes_in_meanwhile_shifts_no_page(journal: Journal, log: Log) -> None:
    for place in range(4):
        await log(created_us=NOW + place)
    first = await journal.page(Filters(), None, 2)
    await log(created_us=NOW + 100)
    second = await journal.page(Filters(), first.next, 2)
    assert [line.id for line in first.rows + second.rows] == ["req_0004", "req_0003", "req_0002", "req_0001"]
    assert second.next is None


async def test_every_filter_leaves_what_it_names(journal: Journal, log: Log) -> None:
    await log("ada", model="m1", status=200)
    await log("bob", model="m2", status=502, state="VOID", endpoint="embeddings")
    await log("bob", model="m2", status=None, state="STREAMING", created_us=NOW - DAY)
    expected = {
        Filters(user_id="user_ada"): ["req_0001"],
        Filters(key_id="key_bob"): ["req_0002", "req_0003"],
        Filters(model="m1"): ["req_0001"],
        Filters(endpoint="embeddings"): ["req_0002"],
        Filters(state="STREAMING"): ["req_0003"],
        Filters(status=(500, 599)): ["req_0002"],
        Filters(status=(200, 200)): ["req_0001"],
        Filters(from_us=NOW): ["req_0002", "req_0001"],
        Filters(to_us=NOW): ["req_0003"],
        Filters(user_id="user_bob", model="m2", status=(502, 502), from_us=NOW - 1, to_us=NOW + 1): ["req_0002"],
        Filters(user_id="user_ada", model="m2"): [],
    }
    for filters, ids in expected.items():
        assert sorted(line.id for line in (await journal.page(filters)).rows) == sorted(ids), filters


async def test_what_went_wrong_is_found_by_class_text_backend_and_basis(journal: Journal, log: Log) -> None:
    await log(backend="one", basis="measured")
    await log(backend="two", status=502, state="VOID", error="CUDA out of memory, 100%", error_code="backend_error")
    await log(status=499, basis="partial", backend="one")
    await log(state="SETTLED", status=None, basis="recovered", error="The gateway stopped", error_code="gateway_died")
    expected = {
        Filters(failed=True): ["req_0002"],
        Filters(status=(400, 499)): ["req_0003"],
        Filters(error="Out of MEMORY"): ["req_0002"],
        Filters(error="gateway_"): ["req_0004"],
        Filters(error="_%"): [],
        Filters(error="100%"): ["req_0002"],
        Filters(error="!"): [],
        Filters(backend="one"): ["req_0001", "req_0003"],
        Filters(basis="measured"): ["req_0001"],
        Filters(basis="recovered"): ["req_0004"],
        Filters(basis="partial", backend="one", failed=False): ["req_0003"],
    }
    for filters, ids in expected.items():
        assert sorted(line.id for line in (await journal.page(filters)).rows) == ids, filters


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (Filters(failed=True), "requests_failed"),
        (Filters(status=(504, 504)), "requests_failed"),
        (Filters(user_id="user_ada", model="m", status=(500, 599)), "requests_failed"),
        (Filters(error="memory"), "requests_with_error"),
        (Filters(basis="recovered"), "requests_not_measured"),
        (Filters(), "requests_by_time"),
        (Filters(user_id="user_ada"), "requests_of_user"),
    ],
)
async def test_each_filter_has_its_index_on_sqlite(store: Store, filters: Filters, index: str) -> None:
    if store.dialect != "sqlite":
        pytest.skip("PostgreSQL chooses by the size of its tables")
    where = " AND ".join(sql for sql, _ in filters.conditions()) or "TRUE"
    values = [value for _, some in filters.conditions() for value in some]
    order = "ORDER BY r.created_us DESC, r.id DESC LIMIT 100"
    plan = await store.rows(f"EXPLAIN QUERY PLAN SELECT * FROM requests r WHERE {where} {order}", *values)
    assert index in plan[0]["detail"]
    assert len(plan) == 1, "no sorting"


async def test_open_requests_are_found_by_their_own_index(store: Store, journal: Journal, log: Log) -> None:
    await log(state="HELD", status=None)
    await log(state="STREAMING", status=None)
    assert [line.state for line in (await journal.page(Filters(state="HELD"))).rows] == ["HELD"]
    if store.dialect == "sqlite":
        where = " AND ".join(sql for sql, _ in Filters(state="HELD").conditions())
        plan = await store.rows(
            f"EXPLAIN QUERY PLAN SELECT * FROM requests r WHERE {where} ORDER BY created_us", "HELD"
        )
        assert "requests_open" in plan[0]["detail"]


async def test_a_line_names_its_user_and_key_and_its_types_are_those_of_python(journal: Journal, log: Log) -> None:
    await log("bob", stream=True, charged=12, finished_us=NOW + 1_500_000)
    line = await journal.get("req_0001")
    assert line is not None
    assert (line.username, line.key_name, line.stream, line.charged) == ("bob", "bob's", True, 12)
    assert (line.took_us, line.created_at) == (1_500_000, NOW // 1_000_000)


@pytest.mark.parametrize("id", ["req_none", "", "nul\0", "\ud800", "x" * 5_000])
async def test_an_id_that_is_no_request_gives_none(journal: Journal, id: str) -> None:
    assert await journal.get(id) is None


@pytest.mark.parametrize("cursor", ["", "!", "AAAA", "MTox", "eDp5", "MTIzOg", "9" * 400, "äöü", "MTp4AA", "\ud800"])
async def test_a_cursor_that_is_not_ours_is_refused_unless_it_reads_as_one(journal: Journal, cursor: str) -> None:
    if cursor == "MTox":  # "1:1": a time and an id, though of nothing
        assert (await journal.page(Filters(), cursor)).rows == []
        return
    with pytest.raises(BadRequest) as refused:
        await journal.page(Filters(), cursor)
    assert refused.value.param == "cursor"


async def test_entries_and_events_are_paged_the_same_way(store: Store, journal: Journal) -> None:
    for number in range(1, 6):
        await Entry.create(
            id=f"e{number}", kind="topup", debit="cash", credit="user:user_ada", amount=1, user_id="user_ada",
            seq=number, balance_after=number, actor="t", created_us=NOW + number // 3,
        )  # fmt: skip
        await AuditEvent.create(id=f"a{number}", at_us=NOW, actor="t", address="", action="x.y", target="z")
    for list_page, expected in (
        (lambda cursor: journal.entries("user_ada", cursor, 2), ["e5", "e4", "e3", "e2", "e1"]),
        (lambda cursor: journal.events((), cursor, 2), ["a5", "a4", "a3", "a2", "a1"]),
    ):
        ids, cursor = [], None
        while True:
            page = await list_page(cursor)
            ids += [row["id"] for row in page.rows]
            if (cursor := page.next) is None:
                break
        assert ids == expected
    assert (await journal.entries("user_bob")).rows == []


async def test_an_error_is_found_however_long_it_is_and_whatever_letters_it_has(
    store: Store, journal: Journal, log: Log
) -> None:
    """PostgreSQL has short and long ones in two indexes, and refuses rows of an index as long as the longest here."""
    for length in (3, 900, 1_100, 60_000):
        await log(status=502, state="VOID", error="Ärger " + "xyz " * length + "END")
    await log(status=402, state="VOID", error="another end", error_code="c" * 64)
    await log(error=None)
    assert [line.id for line in (await journal.page(Filters(error="end"))).rows] == [
        f"req_{number:04d}" for number in range(5, 0, -1)
    ]
    assert len((await journal.page(Filters(error="Ärger X"))).rows) == 4
    assert (await journal.page(Filters(error="ccc", user_id="user_ada"))).rows[0].error == "another end"
    first = await journal.page(Filters(error="end", model="m"), limit=2)
    rest = await journal.page(Filters(error="end", model="m"), first.next, limit=10)
    assert [line.id for line in rest.rows] == ["req_0003", "req_0002", "req_0001"]
    total, pages = await journal.export(Filters(error="xyz xyz"))
    assert (total, [line.id async for page in pages for line in page]) == (
        4,
        ["req_0004", "req_0003", "req_0002", "req_0001"],
    )


async def test_a_text_that_no_error_has_is_looked_for_in_an_index_alone_on_postgresql(store: Store, log: Log) -> None:
    if store.dialect != "postgres":
        pytest.skip("SQLite has one index with every text")
    for _ in range(60):
        await log(status=502, state="VOID", error="The backend failed " + "x" * 300)
    await store.rows("VACUUM (ANALYZE) requests")
    filters = Filters(error="nothing", user_id="user_ada", key_id="key_ada", model="m", backend="b", state="VOID")
    conditions = filters.conditions("postgres")
    select, _ = page_of(filters, "postgres")
    where = " AND ".join(sql for sql, _ in conditions)
    async with in_transaction(store.connection_name) as connection:
        await connection.execute_script("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        rows = await connection.execute_query_dict(
            store.placed(f"EXPLAIN {select} WHERE {where} ORDER BY r.created_us DESC, r.id DESC LIMIT 51"),
            [value for _, some in conditions for value in some],
        )
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Index Only Scan" in plan and "using requests_with_error" in plan, plan
    assert "using requests_with_long_error" in plan, plan
