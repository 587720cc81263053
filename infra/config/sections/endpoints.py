"""`endpoints:`, which function answers which route, for whom, with which models and limits."""

from collections.abc import Iterable, Mapping
from typing import Any

from infra.config.faults import Place, did_you_mean
from infra.config.kinds import MISSING, Either, Leaf, Many
from infra.config.leaves import choice, word
from infra.config.meters import METERS, access_needed
from infra.config.nodes import Scalar
from infra.config.objects import Endpoint, Route
from infra.config.routes import PATTERN, route, same
from infra.config.sections.limits import LIMITS
from infra.config.sections.models import ID, PRICES
from infra.config.shapes import Field, Named, Shape

NAME = word("a name of an endpoint (small letters, digits, _)", r"[a-z][a-z0-9_]*", 100)
FUNCTION = word("a dotted name, as in functions.chat_completions", r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+")


def _route(value: Scalar, place: Place) -> Route:
    found = route(value.text)
    first = place.reading.taken.setdefault(same(found), value)
    if first is not value:
        raise ValueError(f'"{value.text}" is a route already, on line {first.line}')
    return found


def _model_name(value: Scalar, place: Place) -> str:
    known = place.reading.names.get("models", frozenset())
    if value.text not in known:
        raise ValueError(f'there is no model "{value.text[:80]}" under `models:`{did_you_mean(value.text, known)}')
    return value.text


def _own_price(price: Any = None) -> Any:
    return price


ROUTE = Leaf('a route, as in "POST /v1/chat/completions"', _route, {"type": "string", "pattern": f"^{PATTERN}$"})
MODEL_NAME = Leaf("a name under `models:`", _model_name, ID.shape)
OWN_PRICE = Shape(
    "{price: {...}}",
    _own_price,
    {"price": Field(PRICES, "What the model costs at this endpoint, instead of its own price list.")},
    nullable=True,
)


def _check(values: Mapping[str, Any], place: Place) -> Iterable[tuple[str, str]]:
    function, routes = values.get("function", MISSING), values.get("routes", MISSING)
    if function is MISSING or routes is MISSING:
        return
    name = values.get("name", function.rpartition(".")[2])
    if name is not MISSING and place.reading.taken.setdefault(("endpoint", name), values) is not values:
        yield "function", f'a second endpoint "{name}": give this one a `name` of its own'
    access, paths = values.get("access", "key"), tuple(each.path for each in routes)
    needed = access_needed(function, paths)
    if needed and access not in (needed[0], MISSING):
        yield "access" if "access" in values else "function", f"is {access}, must be {needed[0]}: {needed[1]}"
    elif access == "open" and any(path.startswith("/v1/") for path in paths):
        yield "access", "is open, must be key or admin: every route under /v1 needs a key"
    yield from _unpriced(function, values.get("models"), place)


def _unpriced(function: str, models: Any, place: Place) -> Iterable[tuple[str, str]]:
    """Models that are named here must be sold here; with `models: all` those without the price are not offered."""
    for name, own in models.items() if isinstance(models, dict) else ():
        model = place.reading.found.get("models", {}).get(name)
        price = own or (model.price if model else None)
        missing = price.missing(METERS.get(function, ())) if price and price.to_json() else []
        if missing:
            yield "models", f'"{name}" has no price for {" and ".join(missing)}, which {function} uses; free is 0'


def _endpoint(function: str, models: Any = "all", name: str = "", **more: Any) -> Endpoint:
    return Endpoint(
        name=name or function.rpartition(".")[2],
        function=function,
        models=None if models == "all" else models,
        **more,
    )


ENDPOINT = Shape(
    "an endpoint, as in {routes: [POST /v1/chat/completions], function: functions.chat_completions}",
    _endpoint,
    {
        "routes": Field(
            Many(ROUTE, least=1, what="at least one route"),
            "METHOD /path, one or more. {id} takes one part of the path, {id:path} all the rest.",
            required=True,
        ),
        "function": Field(FUNCTION, "The folder that answers, as a dotted name.", required=True),
        "name": Field(NAME, "How it is called elsewhere. Default: the last part of the function's name."),
        "access": Field(
            choice("key", "admin", "open"), "Who may call: an API key, the admin key, anybody. Default key."
        ),
        "models": Field(
            Either(
                single=choice("all"),
                items=Many(MODEL_NAME, least=1, make=dict.fromkeys, what="all or names of models"),
                pairs=Named(MODEL_NAME, OWN_PRICE, least=1, what="names of models"),
            ),
            "all (default), names, or {name: {price: {...}}}. A model is offered where its price is complete.",
        ),
        "limits": Field(LIMITS, "Limits per key; what is unset is unlimited."),
    },
    check=_check,
)
ENDPOINTS = Many(ENDPOINT, least=1, what="at least one endpoint")
