"""What `plan` says about a change of the file, and what `show` shows of it."""

import json

import pytest

from infra.config import Change, plan, show
from infra.config.changes import percent
from infra.config.shown import show_span
from tests.infra.config.files import SMALL, backend, endpoint, manifest, model
from tests.infra.config.good import GOOD


def changes(old: str, new: str, **environ: str) -> list[tuple[str, str, str]]:
    return [(each.kind, each.subject, each.text) for each in plan(manifest(old), manifest(new, **environ))]


@pytest.mark.parametrize("name", GOOD)
def test_the_same_file_changes_nothing(name: str) -> None:
    assert plan(manifest(GOOD[name]), manifest(GOOD[name])) == []


def test_prices_are_told_in_per_cent() -> None:
    new = SMALL.replace("1.00/1M", "1.50/1M").replace("2.00/1M", "1.75/1M")
    assert changes(SMALL, new) == [
        ("price", "m", "input 1.00/1M → 1.50/1M (+50 %)"),
        ("price", "m", "output 2.00/1M → 1.75/1M (−12.5 %)"),
    ]


def test_free_and_unpriced_have_no_per_cent() -> None:
    new = SMALL.replace("1.00/1M", "0").replace("output: 2.00/1M", "cached: 0.50/1M")
    assert changes(SMALL, new) == [
        ("price", "m", "input 1.00/1M → free (−100 %)"),
        ("price", "m", "cached no price → 0.50/1M"),
        ("price", "m", "output 2.00/1M → no price"),
    ]
    assert changes(new, SMALL)[0] == ("price", "m", "input free → 1.00/1M")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [(3, 4, "+33.33 %"), (100, 200, "+100 %"), (10**9, 10**9 + 1, "+<0.01 %"), (1, 2**62, "+461168601842738790300 %")],
)
def test_per_cent_is_exact_to_two_decimals(old: int, new: int, text: str) -> None:
    assert percent(old, new) == text


def test_models_come_and_go() -> None:
    more = model("backend: box/n\nprice: {input: 0, output: 3/1M}")
    assert changes(SMALL, more) == [
        ("model", "n", "added: backend box/n"),
        ("price", "n", "input no price → free"),
        ("price", "n", "output no price → 3.00/1M"),
    ]
    assert changes(more, SMALL) == [("model", "n", "removed")]


def test_backends_are_told_without_their_secrets() -> None:
    old = backend("adapter: vllm\nurl: http://h\napi_key: hush-one\nqueue: {wait: 60s}")
    new = backend("adapter: vllm\nurl: http://h2\napi_key: hush-two\nqueue: {wait: 90s}\nslots: 8")
    found = changes(old, new)
    assert found == [
        ("backend", "b", "url http://h → http://h2"),
        ("backend", "b", "slots 4 → 8"),
        ("backend", "b", "queue.wait 1m → 90s"),
        ("backend", "b", "api_key changed"),
    ]
    assert changes(SMALL, old) == [("backend", "b", "added: adapter vllm, url http://h, slots 4")]


def test_endpoints_limits_and_their_own_prices_are_told() -> None:
    chat = "routes: [POST /x]\nfunction: functions.chat_completions\nname: x\n"
    old = endpoint(chat + "limits: {requests: 60/m, body: 8MB}")
    new = endpoint(
        chat.replace("/x", "/x, GET /y")
        + "models: {m: {price: {input: 0, output: 0}}}\nlimits: {requests: 30/m, total: {concurrent: 9}}"
    )
    assert changes(old, new) == [
        ("endpoint", "x", "routes POST /x → POST /x, GET /y"),
        ("endpoint", "x", "models all → m"),
        ("limit", "x", "requests 60/m → 30/m"),
        ("limit", "x", "total.concurrent not set → 9"),
        ("limit", "x", "body 8000000B → not set"),
        ("price", "m at x", "input no price → free"),
        ("price", "m at x", "output no price → free"),
    ]
    assert changes(SMALL, old) == [
        ("endpoint", "x", "added: function functions.chat_completions, routes POST /x, access key")
    ]


def test_a_new_database_is_told_to_need_a_restart_and_hides_its_password() -> None:
    found = changes(SMALL, SMALL, DATABASE_URL="postgresql://joe:hush@h/x")
    assert found == [
        ("gateway", "gateway", "database sqlite:///./aethergate.db → postgresql://joe@h:5432/x"),
        ("gateway", "gateway", "the database is opened at start only: restart to take the new one"),
    ]


def test_a_change_is_a_plain_value() -> None:
    assert Change("model", "m", "removed") == Change("model", "m", "removed")


@pytest.mark.parametrize("name", GOOD)
def test_what_is_shown_is_json_and_holds_no_secret(name: str) -> None:
    found = json.dumps(show(manifest(GOOD[name])))
    assert "sk-x" not in found


def test_a_shown_backend_and_model_read_as_the_file_does() -> None:
    found = show(manifest(GOOD["every key of a backend"]))["backends"]["b"]
    assert found["api_key"] == "set"
    assert found["queue"] == {"length": 0, "wait": "500ms"}
    assert found["deadlines"]["idle"] == "90s"
    assert "context" not in found
    shown = show(manifest(GOOD["every meter"]))["models"]["n"]
    assert shown["price"]["input"] == "0.00/1M"
    assert shown["limits"] == {"requests": "1/s", "tokens": "1000000/d", "concurrent": 2, "total": {"requests": "5/h"}}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "500ms"), (1, "1s"), (1.5, "1.5s"), (90, "90s"), (600, "10m"), (3600, "1h"), (86400, "1d")],
)
def test_a_span_is_shown_as_it_is_written(seconds: float, text: str) -> None:
    assert show_span(seconds) == text
