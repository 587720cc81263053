"""Models and prices over the admin API."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.store.models import OwnModel, PriceVersion
from tests.functions.admin import Admin

PATH = "/admin/models"
QWEN = {"id": "qwen2.5:3b", "litellm_name": "ollama/qwen2.5:3b", "price_in": 0.000001, "price_out": 0.000002}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"litellm_name": "olama/x"}, "litellm_name", "one (openai), ollama (ollama), left (vllm), right (vllm)"),
    ({"litellm_name": "vllm/x"}, "litellm_name", "more than one backend speaks vllm"),
    ({"litellm_name": "qwen"}, "litellm_name", "names no backend"),
    ({"litellm_name": "ollama/"}, "litellm_name", "names no backend"),
    ({"litellm_name": "ollama/a b"}, "litellm_name", "space"),
    ({"litellm_name": "ollama/" + "x" * 300}, "litellm_name", "names no backend"),
    ({"litellm_name": None}, "upstream", "A new model needs an upstream"),
    ({"upstream": "ollama/x"}, "litellm_name", "the same"),
    ({"litellm_name": None, "upstream": []}, "upstream", "1 to 32"),
    ({"litellm_name": None, "upstream": ["one/x", "one/x"]}, "upstream", "different"),
    ({"price_in": None, "price_out": None}, "price_in", "free is an explicit 0"),
    ({"price_in": -1}, "price_in", "negative"),
    ({"price_in": "NaN"}, "price_in", "finite"),
    ({"price_in": "1e-16"}, "price_in", "15 decimals"),
    ({"price_in": 10**6}, "price_in", "largest price"),
    ({"price_in": "1.00/1M"}, "price_in", "is not a number"),
    ({"price": {"input": "1.00/1M"}}, "price_in", "the same"),
    ({"price": {"cashed": "1.00/1M"}}, "price", 'did you mean "cached"?'),
    ({"price": {"cached": "1.00"}}, "price.cached", "say the unit"),
    ({"price": {"cached": 1.5}}, "price.cached", "say the unit"),
    ({"price": {"cached": "x" * 5000}}, "price.cached", "say the unit"),
    ({"max_output": 0}, "max_output", "from 1"),
    ({"max_output": 10**12}, "max_output", "from 1"),
    ({"id": "a b"}, "id", "is not a name of a model"),
    ({"id": ""}, "id", "is not a name of a model"),
    ({"id": "x" * 201}, "id", "is not a name of a model"),
    ({"price_inn": 1}, "price_inn", "unknown field"),
]
"""What is wrong in QWEN, the field that is named, words of the sentence."""


async def test_the_model_of_the_contract_is_sold_at_its_exact_price(admin: Admin) -> None:
    body = b'{"id": "qwen2.5:3b", "litellm_name": "ollama/qwen2.5:3b", "price_in": 0.000001, "price_out": "0.000002"}'
    made = await admin.done("POST", PATH, body, 201)
    assert (made["id"], made["targets"], made["source"]) == ("qwen2.5:3b", ["ollama/qwen2.5:3b"], "owner")
    assert (made["price_in"], made["price_out"]) == (Decimal("0.000001"), Decimal("0.000002"))
    assert made["price"] == {"input": "1.00/1M", "output": "2.00/1M"}
    assert (made["active"], made["price_version"], made["overrides_file"]) == (True, 1, False)
    assert await admin.done("GET", f"{PATH}/qwen2.5:3b") == made
    assert [model["id"] for model in (await admin.done("GET", PATH))["data"]] == ["stand-in", "qwen2.5:3b"]
    assert await admin.events() == [("model.create", "qwen2.5:3b")]
    endpoint = admin.gateway.manifest.endpoints[0]
    assert admin.gateway.catalogue.offer("qwen2.5:3b", endpoint).price.to_json() == {
        "input": 10**9,
        "output": 2 * 10**9,
    }


@pytest.mark.parametrize(
    ("upstream", "target"),
    [
        ("one/a/b:c", "one/a/b:c"),
        ("openai/x", "one/x"),
        ("ollama_chat/x", "ollama/x"),
        ("left/x", "left/x"),
        (["left/x", "right/x"], "left/x"),
    ],
)
async def test_an_upstream_names_a_backend_or_the_adapter_of_only_one(admin: Admin, upstream: Any, target: str) -> None:
    made = await admin.done("POST", PATH, {"id": "org/new", "upstream": upstream, "price_in": 0, "price_out": 0}, 201)
    assert made["targets"][0] == target
    assert (made["price_in"], made["price"]) == (0, {"input": "0.00/1M", "output": "0.00/1M"})
    assert (await admin.done("GET", f"{PATH}/org/new"))["id"] == "org/new"


async def test_what_is_wrong_is_named_and_no_model_is_made(admin: Admin) -> None:
    for change, param, words in WRONG:
        error = await admin.refused("POST", PATH, {**QWEN, **change})
        assert error["param"] == param, change
        assert words in error["message"]
        assert len(error["message"]) < 1_000
    assert await OwnModel.all().count() == 0
    assert await PriceVersion.all().count() == 1
    assert await admin.events() == []


async def test_a_price_alone_leaves_the_model_to_the_file_and_keeps_the_other_meters(admin: Admin) -> None:
    changed = await admin.done("POST", PATH, {"id": "stand-in", "price_in": "0.0000015"})
    assert changed["price"] == {"input": "1.50/1M", "output": "2.00/1M"}
    assert (changed["source"], changed["price_version"], changed["overrides_file"]) == ("file", 2, True)
    changed = await admin.done("POST", PATH, {"id": "stand-in", "price": {"cached": "0.10/1M"}})
    assert changed["price"] == {"input": "1.50/1M", "output": "2.00/1M", "cached": "0.10/1M"}
    changed = await admin.done("POST", PATH, {"id": "stand-in", "price": {"cached": None, "input": "1/1M"}})
    assert (changed["price"], changed["price_version"]) == ({"input": "1.00/1M", "output": "2.00/1M"}, 4)
    assert await admin.events() == [("price.set", "stand-in")] * 3
    again = await admin.done("POST", PATH, {"id": "stand-in", "upstream": "one/stand-in", "price_in": 0.000001})
    assert again == changed
    assert await OwnModel.all().count() == 0
    assert len(await admin.events()) == 3
    everything = {"input": None, "output": None}
    assert (
        "No price would be left"
        in (await admin.refused("POST", PATH, {"id": "stand-in", "price": everything}))["message"]
    )


async def test_a_change_of_the_place_keeps_price_and_limit(admin: Admin) -> None:
    await admin.done("POST", PATH, {**QWEN, "max_output": 100}, 201)
    changed = await admin.done("POST", PATH, {"id": QWEN["id"], "upstream": "one/other"})
    assert (changed["targets"], changed["max_output"], changed["price_in"]) == (["one/other"], 100, Decimal("0.000001"))
    changed = await admin.done("POST", PATH, {"id": QWEN["id"], "max_output": None})
    assert (changed["targets"], changed["max_output"]) == (["one/other"], None)
    assert [action for action, _ in await admin.events()] == ["model.create", "model.change", "model.change"]


async def test_a_removed_model_is_gone_or_the_files_again(admin: Admin) -> None:
    await admin.done("POST", PATH, QWEN, 201)
    await admin.done("POST", PATH, {"id": "stand-in", "upstream": "ollama/other"})
    gone = await admin.done("DELETE", f"{PATH}/qwen2.5:3b")
    assert (gone["id"], gone["active"]) == ("qwen2.5:3b", False)
    back = await admin.done("DELETE", f"{PATH}/stand-in")
    assert (back["active"], back["source"], back["targets"]) == (True, "file", ["one/stand-in"])
    assert "gateway.yaml" in (await admin.refused("DELETE", f"{PATH}/stand-in", None, 404))["message"]
    await admin.refused("GET", f"{PATH}/qwen2.5:3b", None, 404)
    assert (await admin.events())[-2:] == [("model.remove", "qwen2.5:3b"), ("model.remove", "stand-in")]
    assert (await admin.done("GET", "/admin/prices?model=qwen2.5:3b"))["data"][0]["version"] == 1


@pytest.mark.parametrize("set_first", [{}, {"upstream": "ollama/other"}])
async def test_what_is_taken_back_costs_again_what_the_file_says(admin: Admin, set_first: dict[str, str]) -> None:
    await admin.done("POST", PATH, {"id": "stand-in", "price_in": "0.000009", "price_out": "0.00001", **set_first})
    back = await admin.done("DELETE", f"{PATH}/stand-in")
    assert (back["price"], back["overrides_file"]) == ({"input": "1.00/1M", "output": "2.00/1M"}, False)
    assert (await admin.done("GET", "/admin/prices?model=stand-in"))["data"][0]["version"] == 3
    await admin.refused("DELETE", f"{PATH}/stand-in", None, 404)


@pytest.mark.parametrize(("method", "path"), [("GET", f"{PATH}/stand-im"), ("DELETE", f"{PATH}/stand-im")])
async def test_an_unknown_model_is_404_with_the_name_that_was_meant(admin: Admin, method: str, path: str) -> None:
    assert 'did you mean "stand-in"?' in (await admin.refused(method, path, None, 404))["message"]
    await admin.refused(method, f"{PATH}/%00/%ff", None, 404)


async def test_every_price_that_ever_was_is_dated_and_says_who_set_it(admin: Admin) -> None:
    await admin.done("POST", PATH, {"id": "stand-in", "price_out": "0.000003"})
    history = (await admin.done("GET", "/admin/prices?model=stand-in"))["data"]
    shown = [(each["version"], each["source"], each["actor"], each["price_out"]) for each in history]
    assert shown == [(2, "owner", "admin", Decimal("0.000003")), (1, "file", "gateway.yaml", Decimal("0.000002"))]
    assert history[0]["created_at"] >= history[1]["created_at"] > 1_700_000_000
    assert (await admin.done("GET", "/admin/prices"))["data"] == history
    for unknown in ("stand-im", "' OR 1=1"):
        await admin.refused("GET", f"/admin/prices?model={unknown}", None, 404)


async def test_a_repeated_declaration_is_answered_as_the_first_time(admin: Admin) -> None:
    own = {"idempotency-key": "model"}
    first = await admin.ask("POST", PATH, QWEN, headers=own)
    again = await admin.ask("POST", PATH, QWEN, headers=own)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (await admin.ask("POST", PATH, {**QWEN, "price_in": 1}, headers=own)).status_code == 422
    assert await admin.events() == [("model.create", "qwen2.5:3b")]


async def test_a_model_tells_the_limits_that_the_file_gives_it(admin: Admin) -> None:
    before = await admin.done("GET", f"{PATH}/stand-in")
    assert before["limits"] == {}
    path = Path(admin.gateway.manifest.path)
    limits = "limits: {requests: 60/m, tokens: 200K/m, total: {concurrent: 8}}"
    path.write_text(path.read_text().replace("max_output: 64}", f"max_output: 64, {limits}}}"))
    await admin.done("POST", "/admin/config/apply", {})
    found = (await admin.done("GET", f"{PATH}/stand-in"))["limits"]
    assert found == {"requests": "60/m", "tokens": "200000/m", "total": {"concurrent": 8}}
