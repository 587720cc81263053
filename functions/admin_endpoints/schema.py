"""An endpoint as JSON."""

import inspect
from typing import TYPE_CHECKING, Any

from infra.config.shown import show_endpoint
from infra.runtime.guards import guards_of

if TYPE_CHECKING:
    from infra.runtime.functions import Function


def shown(function: "Function") -> dict[str, Any]:
    """One function: as gateway.yaml declares it, with its guards in their order, and what each of them asks."""
    guards = guards_of(function.endpoint)
    return {
        **show_endpoint(function.endpoint),
        "guards": [guard.__name__ for guard in guards],
        "guards_say": {guard.__name__: inspect.getdoc(guard) for guard in guards},
        "state": "serving" if function.app is not None else "broken",
        "error": function.error,
    }
