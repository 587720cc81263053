"""Whose limits a call counts in: per key, under `total:` for all callers (docs/design.md, Configuration)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from infra.config.objects import Endpoint, Limits
from infra.identity.caller import Caller
from infra.limits.limiter import Group, Subject

if TYPE_CHECKING:
    from infra.catalogue.offer import Offer


T = TypeVar("T")
KEPT_MAX = 10_000
_kept: dict[tuple[int, int], tuple[Any, Any, Group]] = {}
"""By the identity of two objects, which are kept with it: so no other ones ever have theirs."""


def _group(what: T, caller: Caller, make: Callable[[T, Caller], list[Subject]]) -> Group:
    """The same for every request of this caller, until caller or configuration are read anew."""
    found = _kept.get((id(what), id(caller)))
    if found is None:
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        found = _kept[id(what), id(caller)] = what, caller, Group(make(what, caller))
    return found[2]


def endpoint_subjects(endpoint: Endpoint, caller: Caller) -> Group:
    """The key, its user, and the endpoint for this key and for all."""
    return _group(endpoint, caller, _of_endpoint)


def _of_endpoint(endpoint: Endpoint, caller: Caller) -> list[Subject]:
    found = [
        Subject(f"key {caller.key_id}", caller.key_limits, "this key"),
        Subject(f"user {caller.user_id}", caller.user_limits, "this user"),
    ]
    return _limited([*found, *_shared(f"endpoint {endpoint.name}", "this endpoint", endpoint.limits, caller)])


def model_subjects(offer: "Offer", caller: Caller) -> Group:
    """The model for this key and for all."""
    return _group(offer, caller, _of_model)


def _of_model(offer: "Offer", caller: Caller) -> list[Subject]:
    return _limited(_shared(f"model {offer.id}", "this model", offer.limits, caller))


def _shared(name: str, label: str, limits: Limits, caller: Caller) -> list[Subject]:
    found = [Subject(f"{name} key {caller.key_id}", limits, f"{label} for one key")]
    return found if limits.total is None else [*found, Subject(name, limits.total, f"{label} for all callers")]


def _limited(subjects: list[Subject]) -> list[Subject]:
    return [s for s in subjects if s.limits.requests or s.limits.tokens or s.limits.concurrent]
