"""An endpoint as JSON."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from infra.config.shown import show_endpoint
from infra.journal.recently import Hour
from infra.runtime.guards import guards_of
from infra.runtime.market import meters_of

if TYPE_CHECKING:
    from infra.runtime.functions import Function


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object, or no body at all: the name is in the path."""


def shown(function: "Function", hour: Callable[[str], Hour]) -> dict[str, Any]:
    """One function: as gateway.yaml declares it, with its guards in their order, and what each of them asks. The last
    hour is told of those that sell: others are not in the request log."""
    last = hour(function.endpoint.name) if meters_of(function.endpoint) is not None else None
    guards = guards_of(function.endpoint)
    return {
        **show_endpoint(function.endpoint),
        "guards": [guard.__name__ for guard in guards],
        "guards_say": {guard.__name__: inspect.getdoc(guard) for guard in guards},
        "state": "serving" if function.app is not None else "broken",
        "error": function.error,
        "last_hour": None if last is None else {"requests": last.requests, "errors": last.errors},
    }
