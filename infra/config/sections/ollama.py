"""`options:` of an Ollama backend: what callers may not set, and `/v1` of Ollama would ignore."""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.config.faults import Place
from infra.config.kinds import Leaf
from infra.config.leaves import DURATION, whole
from infra.config.nodes import Scalar, kind, show
from infra.config.objects import FOREVER, OllamaOptions
from infra.config.shapes import Field, Shape

_TOKENS = whole("how many tokens", 256, 10_000_000)
_EFFORTS = ("low", "medium", "high", "max")


def _keep_alive(value: Scalar, place: Place) -> float:
    return FOREVER if value.text == "forever" else float(DURATION.convert(value, place))


def _think(value: Scalar, _place: Place) -> bool | str:
    if kind(value) == "bool":
        return value.text.lower() == "true"
    if value.text not in _EFFORTS:
        raise ValueError(f"{show(value)} is not one of true, false, {', '.join(_EFFORTS)}")
    return value.text


def _check(values: Mapping[str, Any], _place: Place) -> Iterable[tuple[str, str]]:
    normal, most = values.get("num_ctx"), values.get("num_ctx_max")
    if isinstance(normal, int) and isinstance(most, int) and most < normal:
        yield "num_ctx_max", f"{most:,} is less than num_ctx, {normal:,}"


KEEP_ALIVE = Leaf('a duration, as in "30m", or forever', _keep_alive, {"type": "string"})
THINK = Leaf("true, false, low, medium, high or max", _think, {"enum": [True, False, *_EFFORTS]})
OPTIONS = Shape(
    "options of Ollama, as in {num_ctx: 8192, keep_alive: 30m, think: false}",
    OllamaOptions,
    {
        "num_ctx": Field(_TOKENS, "Tokens of context that a model is loaded with. Default: Ollama's own."),
        "num_ctx_max": Field(
            _TOKENS, "Up to this it is raised for a longer prompt, never beyond the model's own. Default: not raised."
        ),
        "keep_alive": Field(KEEP_ALIVE, "How long a model stays loaded after a request, or forever."),
        "think": Field(THINK, "Whether models that can think do so where the caller does not say."),
    },
    check=_check,
)
