"""Whatever stands in the file: a Manifest or ManifestFaults, never another exception; and the schema never refuses
what the loader takes, so that no editor shows red lines in a file that works."""

import json

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.config.faults import ManifestFaults
from infra.config.json_schema import schema
from infra.config.loader import read
from infra.config.urls import database_url
from tests.infra.config.files import EXAMPLE, plain
from tests.infra.config.good import GOOD

CHECKER = jsonschema.Draft7Validator(schema())
TEXTS = [*GOOD.values(), EXAMPLE.read_text()]
ODD = [
    "",
    "~",
    "[]",
    "{}",
    "0",
    "-1",
    "1e999",
    "0x1",
    ".nan",
    "true",
    "1:30",
    "&a",
    "*a",
    "<<: *a",
    "!!x",
    "${",
    "${A}",
    "$${",
]
ODD += [
    "${A:-1}",
    "\t",
    "'",
    '"',
    "\0",
    "\x85",
    "\ufeff",
    "- ",
    ": ",
    "? ",
    "|\n",
    "%YAML 1.1",
    "---",
    "...",
    "1/1M",
    "60/m",
    "8MB",
]
ENVIRON = {"A": "\n{x: [", "DATABASE_URL": ""}


def outcome(data: bytes) -> bool:
    """Whether it loads."""
    try:
        read(data, "gateway.yaml", ENVIRON)
    except ManifestFaults as found:
        assert found.faults
        assert all(
            fault.message and 0 <= fault.line <= data.count(b"\n") + data.count(b"\r") + 8 for fault in found.faults
        )
        assert str(found)
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_garbage_is_faults(data: bytes) -> None:
    outcome(data)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(TEXTS[:-1]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(ODD) | st.text(max_size=4)), max_size=3),
)
def test_a_mutated_file_is_a_manifest_or_faults_and_the_schema_takes_what_loads(
    text: str, cuts: list[tuple[float, int, str]]
) -> None:
    for where, length, put in cuts:
        start = int(where * len(text))
        text = text[:start] + put + text[start + length :]
    if outcome(text.encode("utf-8", "surrogatepass")):
        CHECKER.validate(plain(text))


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_any_half_of_the_example_is_a_manifest_or_faults(start: float, end: float) -> None:
    text = TEXTS[-1]
    outcome(text[int(start * len(text)) : int(end * len(text))].encode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["m", "box"]), inner, max_size=3)
    ),
    max_leaves=6,
)
SLOTS = [
    "gateway",
    "backends",
    "models",
    "endpoints",
    "currency",
    "database",
    "url",
    "slots",
    "queue",
    "price",
    "limits",
    "models",
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SLOTS), VALUES)
def test_any_value_in_any_place_is_a_manifest_or_faults(key: str, value: object) -> None:
    text = json.dumps(value)
    for name in ("every key of a backend", "every meter", "an endpoint with its own prices", "gateway"):
        lines = [
            f"{line.partition(key + ':')[0]}{key}: {text}" if f"{key}:" in line else line
            for line in GOOD[name].split("\n")
        ]
        outcome("\n".join(lines).encode("utf-8", "surrogatepass"))


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda tail: f"postgresql://{tail}"))
def test_any_text_is_a_database_or_a_sentence(text: str) -> None:
    try:
        database_url(text)
    except ValueError as wrong:
        assert str(wrong)
