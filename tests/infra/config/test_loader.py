"""What the loader makes of a good file, and how it reports a bad one."""

import pickle
import time
from pathlib import Path

import pytest

from infra.config import ConfigError, ManifestFaults, find, load
from infra.config.objects import Deadlines, Endpoint, Limits, QueueSettings, RequestDeadlines, Route, Target
from infra.metering.price import PriceList
from infra.units import Rate
from tests.infra.config.files import EXAMPLE, SMALL, backend, endpoint, faults, manifest
from tests.infra.config.good import GOOD


def test_defaults_are_filled_in() -> None:
    found = manifest(SMALL)
    assert found.gateway.currency == "USD"
    assert found.gateway.database == "sqlite:///./aethergate.db"
    assert found.backends["box"].queue == QueueSettings(64, 60)
    assert found.endpoints == (
        Endpoint("chat_completions", "functions.chat_completions", (Route("POST", "/v1/chat/completions"),)),
    )
    assert found.endpoints[0].models is None
    assert found.path == "gateway.yaml"


def test_the_database_is_that_of_the_environment_where_the_file_says_nothing() -> None:
    assert manifest(SMALL, DATABASE_URL="postgresql://h/x").gateway.database == "postgresql://h/x"
    assert manifest(SMALL, DATABASE_URL="").gateway.database == "sqlite:///./aethergate.db"
    (fault,) = faults(SMALL, DATABASE_URL="mysql://root:hidden@h/x")
    assert fault.where == "gateway.database"
    assert "hidden" not in str(fault)


def test_the_deadlines_of_requests_arrive() -> None:
    assert manifest(SMALL).gateway.deadlines == RequestDeadlines(15, 60)
    assert manifest(GOOD["gateway"]).gateway.deadlines == RequestDeadlines(5, 120)


def test_every_key_of_a_backend_arrives() -> None:
    found = manifest(GOOD["every key of a backend"]).backends["b"]
    assert found.url == "https://h:8443/base"  # adapters add /v1 themselves
    assert (found.slots, found.queue) == (32, QueueSettings(0, 0.5))
    assert found.deadlines == Deadlines(1, 120, 60, 90, 3600, 30)
    assert (found.api_key, found.accept, found.media, found.pace) == ("sk-x", ("guided_regex",), "any", Rate(50, 1))


def test_every_key_of_an_embedded_backend_arrives() -> None:
    found = manifest(GOOD["every key of an embedded"]).backends["b"]
    assert (found.start, found.model_file, found.context, found.url) == ("never", "./a b.gguf", 4096, "")


def test_every_key_of_a_model_arrives() -> None:
    found = manifest(GOOD["every meter"]).models["n"]
    assert found.targets == (Target("box", "n"), Target("box", "o"))
    assert found.price == PriceList(
        input=0,
        output=0,
        cached=500_000_000,
        reasoning=2_000_000_000,
        request=10**12,
        image=10**15,
        second=10**12,
        character=15_000_000_000,
    )
    assert (found.max_output, found.context) == (10, 4096)
    assert found.limits == Limits(Rate(1, 1), Rate(1_000_000, 86_400), 2, total=Limits(Rate(5, 3600)))


def test_every_key_of_an_endpoint_arrives() -> None:
    found = manifest(GOOD["an endpoint with its own prices"]).endpoints[1]
    assert (found.name, found.function) == ("lab", "functions.chat_completions")
    assert found.routes[1:] == (Route("GET", "/lab/{id}"), Route("GET", "/lab/x/{id:path}"))
    assert found.models == {"m": PriceList(input=0, output=0)}
    assert found.limits == Limits(Rate(200_000, 60), body=1_048_576, time=600, total=Limits(concurrent=9))
    assert manifest(GOOD["a model at its own price beside others"]).endpoints[1].models == {"m": None}


def test_an_upstream_name_may_have_slashes() -> None:
    text = SMALL.replace("box/m", "box/hf.co/org/model:Q4_K_M")
    assert manifest(text).models["m"].targets == (Target("box", "hf.co/org/model:Q4_K_M"),)


def test_all_faults_come_in_one_report_in_the_order_of_the_file() -> None:
    text = backend("adapter: olama\nslots: 0\nspeed: 9").replace("1.00/1M", "1.00") + "nonsense: 1\n"
    found = faults(text)
    assert [each.line for each in found] == [3, 4, 5, 8, 12]
    report = str(ManifestFaults(found))
    assert report.startswith("5 faults in the configuration:\n  gateway.yaml:3: backends.b.adapter: ")
    assert report.count("\n") == 5


def test_a_faulty_backend_does_not_make_its_models_faulty_too() -> None:
    (fault,) = faults(SMALL.replace("openai", "opnai"))
    assert fault.where == "backends.box.adapter"


def test_a_value_from_a_variable_may_be_a_number_and_cannot_bring_structure() -> None:
    text = backend("adapter: vllm\nurl: http://h\nslots: ${SLOTS}\napi_key: ${KEY}")
    found = manifest(text, SLOTS="12", KEY="123456").backends["b"]
    assert (found.slots, found.api_key) == (12, "123456")
    (fault,) = faults(text, SLOTS="{a: 1}", KEY="x")
    assert fault.message == '"{a: 1}" is not a whole number (how many requests at once)'


def test_a_secret_is_never_in_a_report() -> None:
    text = backend("adapter: vllm\nurl: ${URL}\napi_key: ${KEY}")
    report = " ".join(map(str, faults(text, KEY="hush hush", URL="http://joe:hush@h:1")))
    assert report.count("gateway.yaml:") == 2
    assert "hush" not in report


def test_a_report_cannot_steer_a_terminal() -> None:
    (fault,) = faults(SMALL + '"\\e[31mred": 1\n')
    assert '"\\x1b[31mred" is not known here' in str(fault)


def test_a_model_with_an_input_price_alone_is_a_fault_only_where_it_is_named_for_chat() -> None:
    priced = SMALL.replace(", output: 2.00/1M", "")
    manifest(priced)
    manifest(priced + "    models: [m]\n".replace("[m]", "all"))
    (fault,) = faults(priced + "    models: [m]\n")
    assert fault.message == '"m" has no price for output, which functions.chat_completions uses; free is 0'
    manifest(priced.replace("chat_completions", "embeddings") + "    models: [m]\n")
    manifest(priced.replace("functions.chat", "mine.chat") + "    models: [m]\n")


def test_two_endpoints_of_one_function_have_names_of_their_own() -> None:
    text = endpoint("routes: [POST /cheap/chat]\nfunction: functions.chat_completions\nname: cheap_chat")
    assert [each.name for each in manifest(text).endpoints] == ["chat_completions", "cheap_chat"]


def test_a_file_that_is_not_there_or_a_folder_is_one_fault(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, Path("a\0b")):
        with pytest.raises(ManifestFaults, match="cannot be read") as caught:
            load(path, {})
        assert [each.line for each in caught.value.faults] == [0]


def test_find_takes_the_option_then_the_variable_then_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"\./gateway\.yaml is not there: .*--config FILE"):
        find(None, {})
    for name in ("gateway.yaml", "a.yaml", "b.yaml"):
        (tmp_path / name).write_text(SMALL)
    environ = {"AETHERGATE_CONFIG": "a.yaml"}
    assert find("b.yaml", environ) == Path("b.yaml")
    assert find(None, environ) == Path("a.yaml")
    assert find(None, {}) == Path("gateway.yaml")
    with pytest.raises(ConfigError, match=r"c\.yaml is not there \(from --config\)"):
        find("c.yaml", environ)
    with pytest.raises(ConfigError, match=r"is a folder \(from \$AETHERGATE_CONFIG\)"):
        find(None, {"AETHERGATE_CONFIG": str(tmp_path)})


def test_a_manifest_travels_to_worker_processes() -> None:
    found = load(EXAMPLE, {})
    assert pickle.loads(pickle.dumps(found)) == found


def test_the_example_loads_in_under_50_ms() -> None:
    def once() -> float:
        before = time.process_time()
        load(EXAMPLE, {})
        return time.process_time() - before

    assert min(once() for _ in range(5)) < 0.050
