"""The request log over the admin API."""

from decimal import Decimal
from urllib.parse import quote

from tests.functions.trade.owner import COST, Owner
from tests.standins.openai_backend import StandIn

UNKNOWN = ["req_unknown", "%00", "a" * 500, quote("ü" * 30), "%ed%a0%80"]

NOBODY = ["user=bob", "user=%E2%80%AE", "key=sk-unknown00000", "key=%20"]

MISUNDERSTOOD = [
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=-1", "limit"),
    ("limit=ten", "limit"),
    ("limit=%D9%A1", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("cursor=nonsense", "cursor"),
    ("cursor=%ff", "cursor"),
    ("cursor=" + "A" * 400, "cursor"),
    ("from=yesterday", "from"),
    ("to=2026-13-01", "to"),
    ("to=2026-02-30T00:00:00", "to"),
    ("state=DONE", "state"),
    ("status=99", "status"),
    ("status=9xx", "status"),
    ("model=%00", "model"),
    ("user=" + "a" * 300, "user"),
    ("stat=VOID", "stat"),
    ("&".join(f"a{n}=1" for n in range(200)), None),
]

PATH = "/admin/requests"


async def test_a_request_is_shown_with_its_bill_meter_by_meter(owner: Owner) -> None:
    key = await owner.running.key()
    answer = await owner.chat(key)
    found = await owner.done("GET", f"{PATH}/{answer.headers['x-request-id']}")
    assert (found["username"], found["key_name"], found["model"]) == ("ada", "default", "stand-in")
    assert (found["endpoint"], found["backend"]) == ("chat_completions", "one")
    assert (found["state"], found["status"], found["basis"], found["stream"]) == ("SETTLED", 200, "measured", False)
    assert (found["charged"], found["charged_nano"], found["refunded_nano"]) == (Decimal("0.000013"), COST, 0)
    assert found["duration_ms"] >= found["waited_ms"] >= 0
    assert [(line["meter"], line["units"], line["price"], line["amount_nano"]) for line in found["cost"]] == [
        ("input", 3, "1.00/1M", 3_000),
        ("output", 5, "2.00/1M", 10_000),
    ]


async def test_pages_follow_one_another_until_next_is_null(owner: Owner) -> None:
    key = await owner.running.key()
    ids = [(await owner.chat(key)).headers["x-request-id"] for _ in range(5)]
    seen, cursor = [], ""
    for expected in (2, 2, 1):
        page = await owner.done("GET", f"{PATH}?limit=2{cursor}")
        assert len(page["data"]) == expected
        seen += [row["id"] for row in page["data"]]
        cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert seen == ids[::-1]


async def test_filters_of_the_query_leave_what_they_name(owner: Owner, backend: StandIn) -> None:
    ada, bob = await owner.running.key("ada"), await owner.running.key("bob")
    good = (await owner.chat(ada)).headers["x-request-id"]
    backend.script(status=500)
    bad = (await owner.chat(bob)).headers["x-request-id"]
    await owner.journalled(2)
    key_id = (await owner.done("GET", f"{PATH}/{good}"))["key_id"]
    user_id = (await owner.done("GET", f"{PATH}/{bad}"))["user_id"]
    expected = {
        "user=ada": [good], f"user={user_id}": [bad], f"key={key_id}": [good], f"key=sk-{key_id}": [good],
        "state=void": [bad], "state=SETTLED": [good], "status=200": [good], "status=5xx": [bad], "status=404": [],
        "model=stand-in&user=bob": [bad], "model=none": [], "endpoint=embeddings": [], "from=2020-01-01": [bad, good],
        "to=2020-01-01": [], "from=2020-01-01T00:00:00%2B02:00&to=2999-12-31": [bad, good], "to=1577836800": [],
        "user=&state=": [bad, good], f"id={bad}": [bad], f"id={bad}&user=ada": [], "id=req_x": [],
    }  # fmt: skip
    for query, ids in expected.items():
        assert [row["id"] for row in (await owner.done("GET", f"{PATH}?{query}"))["data"]] == ids, query


async def test_a_query_that_cannot_be_understood_is_a_400_that_names_the_field(owner: Owner) -> None:
    for query, param in MISUNDERSTOOD:
        answer = await owner.ask("GET", f"{PATH}?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["param"] == param, query


async def test_moments_far_away_are_understood(owner: Owner) -> None:
    for query in ("from=9999-12-31T23:59:59-23:59", "to=0001-01-01", "from=999999999999", "to=9999-12-31&limit=1000"):
        assert (await owner.done("GET", f"{PATH}?{query}"))["data"] == []


async def test_a_user_or_key_that_is_not_there_is_404(owner: Owner) -> None:
    await owner.running.key("rob")
    for query in NOBODY:
        error = await owner.refused("GET", f"{PATH}?{query}", status=404)
        assert "did you mean rob?" in error["message"] or not query.endswith("bob")


async def test_an_unknown_request_is_404(owner: Owner) -> None:
    for id in UNKNOWN:
        assert (await owner.refused("GET", f"{PATH}/{id}", status=404))["code"] == "not_found"


async def test_head_answers_like_get_and_a_user_key_opens_nothing(owner: Owner) -> None:
    assert (await owner.ask("HEAD", PATH)).status_code == 200
    key = await owner.running.key()
    answer = await owner.running.client.get(PATH, headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_required")
