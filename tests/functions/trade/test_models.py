"""What is on sale, as a caller sees it."""

from pathlib import Path
from urllib.parse import quote

import pytest
from openai import AsyncOpenAI, NotFoundError

from tests.functions.trade.owner import Owner
from tests.standins.ollama import OllamaStandIn
from tests.standins.running import ADMIN_KEY, running

NO_NAMES = ["/stand-in", "%2Fstand-in", "stand%0Ain", "stand-in%0A"]
"""Behind /v1/models/: no model can be called so, and no redirect may lead to one that is."""
NOT_ON_SALE = ["gpt-4o", "unsold", "stand-in/", "a" * 1000, "%3Cscript%3E"]

EMBEDDER = "org/embedder:v1"
TWO_OF_OLLAMA = """
gateway: {{database: "{database}"}}
backends:
  box: {{adapter: ollama, url: "{backend}"}}
models:
  thinker: {{backend: "box/qwen3:4b", price: {{input: 1.00/1M, output: 2.00/1M}}}}
  sayer: {{backend: "box/smol:1b", price: {{input: 1.00/1M, output: 2.00/1M}}}}
endpoints:
  - {{routes: [POST /v1/chat/completions], function: functions.chat_completions}}
  - {{routes: [GET /v1/models], function: functions.models}}
  - {{routes: [GET /admin/backends], function: functions.admin_backends, access: admin}}
"""


async def test_models_on_sale_are_listed_with_context_prices_and_places(owner: Owner) -> None:
    key = await owner.running.key()
    found = await owner.get("/v1/models", key)
    assert found["object"] == "list"
    chat, embedder = found["data"]  # what has no price for any endpoint is not on sale
    assert (chat["id"], chat["object"], chat["owned_by"]) == ("stand-in", "model", "aethergate")
    assert type(chat["created"]) is int
    assert (chat["context_length"], chat["max_output"]) == (4096, 64)
    assert chat["pricing"] == {"input": "0.000001", "output": "0.000002", "currency": "USD"}
    assert chat["endpoint_pricing"] == {"/v1/embeddings": {"input": "0.0000005", "currency": "USD"}}
    assert chat["endpoints"] == ["/v1/chat/completions", "/v1/embeddings"]
    assert (embedder["id"], embedder["endpoints"]) == (EMBEDDER, ["/v1/embeddings"])
    assert embedder["pricing"] == {"input": "0.0000000375", "currency": "USD"}


async def test_one_model_is_the_same_as_in_the_list_whatever_is_in_its_name(owner: Owner) -> None:
    key = await owner.running.key()
    listed = {model["id"]: model for model in (await owner.get("/v1/models", key))["data"]}
    assert await owner.get("/v1/models/stand-in", key) == listed["stand-in"]
    assert await owner.get(f"/v1/models/{EMBEDDER}", key) == listed[EMBEDDER]
    assert await owner.get(f"/v1/models/{quote(EMBEDDER, safe='')}", key) == listed[EMBEDDER]


async def test_a_model_that_is_not_on_sale_is_unknown_in_openais_words(owner: Owner) -> None:
    key = await owner.running.key()
    for name in NOT_ON_SALE:
        error = (await owner.get(f"/v1/models/{name}", key, 404))["error"]
        assert (error["code"], error["param"], error["type"]) == ("model_not_found", "model", "invalid_request_error")
        assert "does not exist or you do not have access to it" in error["message"]


@pytest.mark.parametrize("name", NO_NAMES)
async def test_a_path_that_no_name_fits_is_not_found(owner: Owner, name: str) -> None:
    error = (await owner.get(f"/v1/models/{name}", await owner.running.key(), 404))["error"]
    assert (error["code"], error["type"]) == ("not_found", "invalid_request_error")


async def test_a_key_sees_only_the_models_that_it_may_use(owner: Owner) -> None:
    key = await owner.running.key(models=[EMBEDDER])
    assert [model["id"] for model in (await owner.get("/v1/models", key))["data"]] == [EMBEDDER]
    refused = await owner.get("/v1/models/stand-in", key, 404)
    unknown = await owner.get("/v1/models/other-one", key, 404)
    assert refused["error"]["message"].replace("stand-in", "other-one") == unknown["error"]["message"]


async def test_without_a_key_there_are_no_models(owner: Owner) -> None:
    assert (await owner.running.client.get("/v1/models")).status_code == 401


async def test_the_openai_package_lists_and_retrieves(owner: Owner) -> None:
    async with AsyncOpenAI(base_url=f"{owner.running.url}/v1", api_key=await owner.running.key()) as client:
        assert [model.id async for model in client.models.list()] == ["stand-in", EMBEDDER]
        model = await client.models.retrieve(EMBEDDER)
        assert (model.id, model.object, model.owned_by) == (EMBEDDER, "model", "aethergate")
        with pytest.raises(NotFoundError) as refused:
            await client.models.retrieve("gpt-4o")
        assert refused.value.code == "model_not_found"


async def test_each_model_shows_what_its_backend_says_that_just_it_can_do(tmp_path: Path) -> None:
    async with OllamaStandIn(("qwen3:4b", "smol:1b"), context=2048) as ollama:
        ollama.abilities, ollama.limit = {"smol:1b": ["completion"]}, 4096
        async with running(tmp_path, TWO_OF_OLLAMA, None, backend=ollama.url) as gate:
            ollama.loaded = {"smol:1b"}
            await gate.gateway.pool.probe_all()
            headers = {"authorization": f"Bearer {await gate.key()}"}
            found = {one["id"]: one for one in (await gate.client.get("/v1/models", headers=headers)).json()["data"]}
            assert found["thinker"]["capabilities"] == ["completion", "thinking", "tools", "vision"]
            assert (found["sayer"]["capabilities"], found["sayer"]["context_length"]) == (["completion"], 2048)
            (box,) = (await gate.client.get("/admin/backends", headers={"x-admin-key": ADMIN_KEY})).json()["data"]
            assert box["abilities"]["smol:1b"] == ["completion"]
            assert box["capabilities"] == ["completion", "thinking", "tools", "vision"]
