"""Whose limits a call counts in: per key, under `total:` for all callers (docs/design.md, Configuration)."""

from typing import TYPE_CHECKING

from infra.config.objects import Endpoint, Limits
from infra.identity.caller import Caller
from infra.limits.limiter import Subject

if TYPE_CHECKING:
    from infra.catalogue.offer import Offer


def endpoint_subjects(endpoint: Endpoint, caller: Caller) -> list[Subject]:
    """The key, its user, and the endpoint for this key and for all."""
    found = [
        Subject(f"key {caller.key_id}", caller.key_limits, "this key"),
        Subject(f"user {caller.user_id}", caller.user_limits, "this user"),
    ]
    return _limited([*found, *_shared(f"endpoint {endpoint.name}", "this endpoint", endpoint.limits, caller)])


def model_subjects(offer: "Offer", caller: Caller) -> list[Subject]:
    """The model for this key and for all."""
    return _limited(_shared(f"model {offer.id}", "this model", offer.limits, caller))


def _shared(name: str, label: str, limits: Limits, caller: Caller) -> list[Subject]:
    found = [Subject(f"{name} key {caller.key_id}", limits, f"{label} for one key")]
    return found if limits.total is None else [*found, Subject(name, limits.total, f"{label} for all callers")]


def _limited(subjects: list[Subject]) -> list[Subject]:
    return [s for s in subjects if s.limits.requests or s.limits.tokens or s.limits.concurrent]
