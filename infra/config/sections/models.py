"""`models:`, what is sold: where it runs and what it costs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infra.config import fallbacks
from infra.config.faults import Place, did_you_mean
from infra.config.kinds import Either, Leaf, Many
from infra.config.leaves import PRICE, whole, word
from infra.config.nodes import Scalar
from infra.config.objects import Model, Target
from infra.config.sections.limits import MODEL_LIMITS
from infra.config.shapes import Field, Named, Shape
from infra.metering.price import PriceList

ID = word("a name of a model (letters, digits and . _ : / @ + ~ -)", r"[A-Za-z0-9][A-Za-z0-9._:/@+~-]*")
_TOKENS = whole("how many tokens", 1, 100_000_000)

PRICES = Shape(
    "a price list, as in {input: 1.00/1M, output: 2.00/1M}",
    PriceList,
    {
        "input": Field(PRICE, "Per prompt token: 1.00/1M (per 1, 1K or 1M). Free is an explicit 0."),
        "output": Field(PRICE, "Per generated token: 2.00/1M. Free is an explicit 0."),
        "cached": Field(PRICE, "Per prompt token read from the backend's cache, a part of input. Default: as input."),
        "reasoning": Field(PRICE, "Per thinking token, a part of output. Default: as output."),
        "request": Field(PRICE, "Per request: 0.001/1."),
        "image": Field(PRICE, "Per image: 0.01/1."),
        "second": Field(PRICE, "Per second: 0.0001/1."),
        "character": Field(PRICE, "Per character: 15.00/1M."),
    },
    check=lambda values, _: () if values else [("", "no price at all: free is an explicit {input: 0, output: 0}")],
    rules={"minProperties": 1},
)


def _target(value: Scalar, place: Place) -> Target:
    backend, slash, upstream = value.text.partition("/")
    if not (backend and slash and upstream) or not value.text.isprintable() or " " in value.text:
        raise ValueError(f'"{value.text[:80]}" is not backend/its own name, as in ollama/qwen2.5:3b')
    known = place.reading.names.get("backends")
    if known is not None and backend not in known:
        raise ValueError(f'there is no backend "{backend}"{did_you_mean(backend, known)}')
    return Target(backend, upstream)


TARGET = Leaf(
    "backend/its own name, as in ollama/qwen2.5:3b", _target, {"type": "string", "pattern": r"^[^/\s]+/[^\s]+$"}
)


def _weighted(to: Target, weight: int = 1) -> Target:
    return replace(to, weight=weight)


WEIGHTED = Shape(
    "{to: gpu1/llama3, weight: 3}",
    _weighted,
    {
        "to": Field(TARGET, "backend/its own name there.", required=True),
        "weight": Field(whole("a weight", 1, 1000), "Its share of the requests against the others'. Default 1."),
    },
)
ANY_TARGET = Either(single=TARGET, pairs=WEIGHTED)


def _fallback(value: Scalar, place: Place) -> str:
    place.reading.taken[place.where] = value
    return value.text


FALLBACK = Leaf("a name under `models:`", _fallback, ID.shape)


def check_fallbacks(models: Mapping[str, Model], place: Place) -> None:
    """Notes what is wrong with them, once all models are read."""
    for name, model in models.items():
        here = place.at(name).at("fallback")
        if model.fallback is not None and (wrong := fallbacks.fault(name, model.fallback, models)):
            here.fault(place.reading.taken[here.where].line, wrong)


def _model(name: str, values: Mapping[str, Any]) -> Model:
    targets = values["backend"]
    more = {key: value for key, value in values.items() if key != "backend"}
    return Model(id=name, targets=targets if isinstance(targets, tuple) else (targets,), **more)


MODEL = Shape(
    "a model, as in {backend: ollama/qwen2.5:3b, price: {input: 1.00/1M, output: 2.00/1M}}",
    dict,
    {
        "backend": Field(
            Either(single=TARGET, pairs=WEIGHTED, items=Many(ANY_TARGET, least=1, what=TARGET.what)),
            "backend/its own name there, or {to: ..., weight: 3}. A list is balanced and failed over.",
            required=True,
        ),
        "price": Field(PRICES, "What it costs; each endpoint needs the meters that it uses.", required=True),
        "max_output": Field(_TOKENS, "Most tokens of one answer. Default: what the caller asks for, else 4,096."),
        "context": Field(_TOKENS, "Tokens of context. Default: what the backend says."),
        "fallback": Field(
            FALLBACK, "A model that serves, at its own price, while all backends of this one are gone. Default none."
        ),
        "limits": Field(MODEL_LIMITS, "Limits per key of this model alone, beside the endpoint's."),
    },
)
MODELS = Named(ID, MODEL, _model, what="models by name", section="models")
