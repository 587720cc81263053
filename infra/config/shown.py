"""The manifest as plain values, as the owner writes them: for GET /admin/config and for telling what changed.

Secrets never: an api_key shows as "set", a database URL without its password.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from infra.config.hours import Hours
from infra.config.meters import METERS
from infra.config.objects import (
    FOREVER,
    Backend,
    Deadlines,
    Endpoint,
    GatewaySettings,
    Limits,
    Manifest,
    Model,
    OllamaOptions,
    RequestDeadlines,
    Target,
)
from infra.config.urls import database_url
from infra.metering.price import PriceList
from infra.units import Rate, show_factor, show_money, show_price

_EMBEDDED = ("start", "model_file", "context")
_DURATIONS = ("drain", "keep", "wait", "time")
_DEADLINES = (Deadlines, RequestDeadlines)
"""All of their values are durations."""
_SPANS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def show(manifest: Manifest) -> dict[str, Any]:
    """The whole file as it is in force, defaults filled in; JSON types only."""
    return {
        "path": manifest.path,
        "gateway": show_gateway(manifest.gateway),
        "backends": {name: show_backend(backend) for name, backend in manifest.backends.items()},
        "models": {name: show_model(model) for name, model in manifest.models.items()},
        "endpoints": [show_endpoint(endpoint) for endpoint in manifest.endpoints],
        "notes": notes(manifest),
    }


def show_gateway(gateway: GatewaySettings) -> dict[str, Any]:
    """The settings of the process."""
    tiers = {
        name: {"price": show_factor(tier.factor_ppm), "queue": tier.queue}
        for name, tier in gateway.service_tiers.items()
    }
    own = {"database": str(database_url(gateway.database)), "service_tiers": tiers}
    electricity = None if gateway.electricity is None else show_money(gateway.electricity)
    return {**_plain(gateway), **own, "electricity": electricity}


def show_backend(backend: Backend) -> dict[str, Any]:
    """One backend; what is for embedded ones only where it is one."""
    other = _EMBEDDED if backend.adapter != "embedded" else ("url",)
    other = other if backend.adapter == "ollama" else (*other, "options")
    found = {name: value for name, value in _plain(backend).items() if name != "name" and name not in other}
    return found | ({"api_key": "set"} if backend.api_key else {})


def show_model(model: Model) -> dict[str, Any]:
    """One model."""
    return {
        "backend": [show_target(target) for target in model.targets],
        "price": show_prices(model.price),
        "max_output": model.max_output,
        "context": model.context,
        "fallback": model.fallback,
        "limits": _plain(model.limits),
    }


def show_target(target: Target) -> str:
    """gpu1/llama3, with its weight where that is not 1."""
    return str(target) if target.weight == 1 else f"{target} (weight {target.weight})"


def show_endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """One endpoint; `models` is "all" or {name: own price list or null}."""
    models = endpoint.models
    return {
        "name": endpoint.name,
        "function": endpoint.function,
        "routes": [f"{route.method} {route.path}" for route in endpoint.routes],
        "access": endpoint.access,
        "models": "all" if models is None else {name: own and show_prices(own) for name, own in models.items()},
        "limits": show_limits(endpoint.limits),
    }


def show_limits(limits: Limits) -> dict[str, Any]:
    """{"requests": "60/m", "total": {…}}: what is unlimited is not there."""
    return _plain(limits)


def show_prices(prices: PriceList) -> dict[str, str]:
    """{"input": "1.00/1M"}: only the meters that have a price."""
    return {meter: show_price(nano) for meter, nano in prices.to_json().items()}


def notes(manifest: Manifest) -> list[str]:
    """What is no fault but good to know: models that `models: all` does not offer for want of a price."""
    found = []
    for endpoint in manifest.endpoints:
        needed = METERS.get(endpoint.function, ())
        for name, model in manifest.models.items() if endpoint.models is None else ():
            if missing := model.price.missing(needed):
                found.append(f"{endpoint.name} does not offer {name}: it has no price for {' and '.join(missing)}")
    return found


def show_span(seconds: float) -> str:
    """A duration as gateway.yaml writes it: 10m, 90s, 500ms."""
    for unit, span in _SPANS:
        if seconds >= span and seconds % span == 0:
            return f"{seconds // span:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds < 1 else f"{seconds:g}s"


def _plain(thing: Any) -> dict[str, Any]:
    """A dataclass as a dict of JSON types; empty limits fall away."""
    found: dict[str, Any] = {}
    for each in fields(thing):
        value = getattr(thing, each.name)
        if isinstance(thing, Limits | OllamaOptions) and value is None:
            continue
        found[each.name] = show_span(value) if isinstance(thing, _DEADLINES) else _value(each.name, value)
    return found


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Rate | Hours):
        return str(value)
    if isinstance(value, tuple):
        return [_value("", each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _plain(value)
    if name == "keep_alive":
        return "forever" if value == FOREVER else show_span(value)
    if name in _DURATIONS and isinstance(value, int | float):
        return show_span(value)
    return f"{value}B" if name == "body" and value is not None else value


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"queue": {"wait": "60s"}} as {"queue.wait": "60s"}, for comparing."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found
