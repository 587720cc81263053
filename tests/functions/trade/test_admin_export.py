"""The request log as a file: all that the filters find, whole, and nothing in it that a spreadsheet would carry out."""

import csv
import io
import json
from decimal import Decimal

from infra.client import AdminClient
from infra.store.clock import now_us
from infra.store.models import Request
from tests.functions.trade.owner import COST, Owner
from tests.standins.running import ADMIN_KEY

FORMULA = '=HYPERLINK("http://example.test")'


async def filled(owner: Owner, count: int = 1_234) -> None:
    user = await owner.gateway.ledger.open_user(FORMULA, 0, actor="test", address="test")
    at = now_us()
    rows = [
        Request(
            id=f"req_{number:05d}", state="SETTLED" if number % 3 else "VOID", instance="i", user_id=user.id,
            key_id="k", endpoint="chat", model="m", status=200 if number % 3 else 502,
            charged=number if number % 3 else 0,
            error=None if number % 3 else '-1+1 "quoted",\nand a new line', created_us=at - number, finished_us=at,
        )
        for number in range(count)
    ]  # fmt: skip
    await Request.bulk_create(rows, batch_size=500)


async def test_a_csv_file_has_every_request_and_no_formula(owner: Owner) -> None:
    await filled(owner)
    answer = await owner.ask("GET", "/admin/requests/export")
    assert (answer.status_code, answer.headers["x-total-count"]) == (200, "1234")
    assert answer.headers["content-disposition"] == 'attachment; filename="requests.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == [f"req_{number:05d}" for number in range(1_234)]
    assert sum(Decimal(row["charged"]) for row in rows) * 10**9 == sum(n for n in range(1_234) if n % 3)
    assert {row["username"] for row in rows} == {f"'{FORMULA}"}
    assert rows[0]["error"] == '\'-1+1 "quoted",\nand a new line'
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


async def test_a_csv_file_has_the_units_and_what_the_charge_goes_by(owner: Owner) -> None:
    await filled(owner, 1)
    await Request.filter(id="req_00000").update(
        units_json='{"input": 9, "cached": 4, "output": 5, "reasoning": 2, "image": 1}', stream=True, tier="flex",
        price_id="price_1", price_factor_ppm=500_000, shortfall=30,
    )  # fmt: skip
    (row,) = csv.DictReader(io.StringIO((await owner.ask("GET", "/admin/requests/export")).text, newline=""))
    units = [row[name] for name in ("cached_tokens", "reasoning_tokens", "images", "seconds", "characters")]
    assert units == ["4", "2", "1", "0", "0"]
    assert (row["price_id"], row["tier"], row["price_factor"]) == ("price_1", "flex", "0.5")
    assert (row["shortfall"], row["stream"]) == ("0.00000003", "true")


async def test_json_lines_are_what_the_list_has(owner: Owner) -> None:
    await filled(owner, 300)
    text = (await owner.ask("GET", "/admin/requests/export?format=jsonl")).text
    listed = (await owner.ask("GET", "/admin/requests?limit=300")).json()["data"]
    assert [json.loads(line) for line in text.splitlines()] == listed


async def test_filters_hold_for_a_file_too(owner: Owner) -> None:
    await filled(owner, 90)
    key = await owner.running.key("ada")
    await owner.chat(key)
    for query, count in (("status=error", 30), ("user=ada", 1), ("error=NEW%20line", 30), ("error=100%25", 0)):
        answer = await owner.ask("GET", f"/admin/requests/export?{query}")
        assert (answer.headers["x-total-count"], answer.text.count("\r\n") - 1) == (str(count), count), query
    for query, param in (("format=xml", "format"), ("limit=5", "limit"), ("status=x", "status")):
        assert (await owner.refused("GET", f"/admin/requests/export?{query}"))["param"] == param


async def test_the_client_reads_a_file_piece_by_piece(owner: Owner) -> None:
    await owner.chat(await owner.running.key())
    admin = AdminClient(owner.running.url, token=ADMIN_KEY)
    async with admin, admin.export_requests("jsonl", model="stand-in") as answer:
        found = b"".join([part async for part in answer.aiter_bytes()])
    assert answer.headers["x-total-count"] == "1"
    assert json.loads(found)["charged_nano"] == COST
