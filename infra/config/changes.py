"""What a new gateway.yaml would change, in words: `aethergate plan`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from infra.config.objects import Endpoint, Manifest
from infra.config.shown import flat, show_backend, show_endpoint, show_gateway, show_model
from infra.metering.price import PriceList
from infra.units import show_price

Kind = Literal["gateway", "backend", "model", "price", "endpoint", "limit"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of what kind, of which thing, and how, in words for the owner."""

    kind: Kind
    subject: str
    """The name of the backend, model or endpoint; a price of one endpoint alone is `model at endpoint`."""
    text: str
    """`added: …`, `removed`, or `slots 4 → 8`."""


def plan(old: Manifest, new: Manifest, in_force: Mapping[str, PriceList] = MappingProxyType({})) -> list[Change]:
    """The differences, in the order of the file; empty where nothing would change. Secrets are never shown.

    `in_force`: what a model costs now where that is not what the old file says; a price that the file changes is
    counted from it, one that the file leaves as it is stays in force and is no change.
    """
    return [
        *_differences("gateway", "gateway", show_gateway(old.gateway), show_gateway(new.gateway)),
        *_restart(old, new),
        *_named("backend", old.backends, new.backends, show_backend),
        *_keys(old, new),
        *_models(old, new, in_force),
        *_endpoints(old, new),
    ]


def _restart(old: Manifest, new: Manifest) -> Iterator[Change]:
    if old.gateway.database != new.gateway.database:
        yield Change("gateway", "gateway", "the database is opened at start only: restart to take the new one")


def _keys(old: Manifest, new: Manifest) -> Iterator[Change]:
    for name in old.backends.keys() & new.backends.keys():
        before, after = old.backends[name].api_key, new.backends[name].api_key
        if before and after and before != after:
            yield Change("backend", name, "api_key changed")


def _models(old: Manifest, new: Manifest, in_force: Mapping[str, PriceList]) -> Iterator[Change]:
    def without_price(model: Any) -> dict[str, Any]:
        return {name: value for name, value in show_model(model).items() if name != "price"}

    yield from _named("model", old.models, new.models, without_price)
    for name in old.models:
        if name in new.models and old.models[name].price != new.models[name].price:
            yield from _prices(name, in_force.get(name, old.models[name].price), new.models[name].price)
    for name in new.models.keys() - old.models.keys():
        yield from _prices(name, PriceList(), new.models[name].price)


def _endpoints(old: Manifest, new: Manifest) -> Iterator[Change]:
    before, after = ({each.name: each for each in manifest.endpoints} for manifest in (old, new))

    def without_price(endpoint: Endpoint) -> dict[str, Any]:
        found = show_endpoint(endpoint)
        return {**found, "models": "all" if endpoint.models is None else sorted(endpoint.models)}

    yield from _named("endpoint", before, after, without_price)
    for name, endpoint in after.items():
        own_before = (before[name].models or {}) if name in before else {}
        own_after = endpoint.models or {}
        for model in sorted(own_before.keys() | own_after.keys()):
            prices = own_before.get(model) or PriceList(), own_after.get(model) or PriceList()
            yield from _prices(f"{model} at {name}", *prices)


def _prices(subject: str, old: PriceList, new: PriceList) -> Iterator[Change]:
    before, after = old.to_json(), new.to_json()
    for meter in after | before:
        if before.get(meter) != after.get(meter):
            yield Change("price", subject, f"{meter} {_price_step(before.get(meter), after.get(meter))}")


def _price_step(old: int | None, new: int | None) -> str:
    """1.00/1M → 1.50/1M (+50 %)."""
    words = " → ".join("no price" if each is None else "free" if each == 0 else show_price(each) for each in (old, new))
    return f"{words} ({percent(old, new)})" if old and new is not None else words


def percent(old: int, new: int) -> str:
    """The change in per cent with at most two decimals and a sign: +50 %, −12.5 %, +<0.01 %."""
    change = Decimal(new - old) * 100 / Decimal(old)
    sign = "+" if change > 0 else "−"
    size = abs(change).quantize(Decimal("0.01"))
    return f"{sign}<0.01 %" if size == 0 else f"{sign}{size:f}".rstrip("0").rstrip(".") + " %"


def _named(
    kind: Kind, old: Mapping[str, Any], new: Mapping[str, Any], show: Callable[[Any], dict[str, Any]]
) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield Change(kind, name, "removed")
        elif name not in old:
            yield Change(kind, name, f"added: {_summary(show(new[name]))}")
        else:
            yield from _differences(kind, name, show(old[name]), show(new[name]))


def _summary(shown: Mapping[str, Any]) -> str:
    names = ("adapter", "url", "slots", "backend", "function", "routes", "access")
    return ", ".join(f"{name} {_word(shown[name])}" for name in names if name in shown)


def _differences(kind: Kind, subject: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = flat(old), flat(new)
    for name in after | before:
        if before.get(name) != after.get(name):
            step = f"{name} {_word(before.get(name))} → {_word(after.get(name))}"
            yield Change("limit" if name.startswith("limits.") else kind, subject, step.removeprefix("limits."))


def _word(value: Any) -> str:
    return (
        "not set" if value is None else ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
    )
