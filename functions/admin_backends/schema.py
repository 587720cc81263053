"""A backend as JSON."""

from dataclasses import asdict
from typing import Any

import msgspec

from infra.backends.state import BackendState
from infra.journal import views
from infra.journal.recently import Hour


def backend(state: BackendState, hour: Hour) -> dict[str, Any]:
    """One backend; `context` is per request, where all its models have the same, `contexts` by model; `capabilities`
    are those of any of them, `abilities` by model, where the server tells."""
    return {
        **views.backend_brief(state),
        "adapter": state.adapter,
        "models": list(state.models),
        "context": state.context,
        "contexts": dict(state.contexts),
        "loaded": None if state.loaded is None else list(state.loaded),
        "capabilities": list(state.capabilities),
        "abilities": {model: sorted(able) for model, able in state.abilities.items()},
        "server_running": state.running,
        "server_waiting": state.waiting,
        "last_error": state.last_error,
        "checked_at": views.seconds(state.checked_us),
        "last_hour": asdict(hour),
        "failures": state.failures,
        "ejected": state.ejected,
        "ejected_until": views.seconds(state.ejected_until_us),
        "draining": state.draining,
        "available": list(state.available),
        "opens_at": views.seconds(state.opens_us),
    }


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """PATCH /admin/backends/{name}."""

    drain: bool


def event(row: views.Row) -> dict[str, Any]:
    """One thing that happened to a backend."""
    return {"id": row["id"], "at": views.seconds(row["at_us"]), "kind": row["kind"], "why": row["why"]}
