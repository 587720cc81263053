"""A backend as JSON."""

from typing import Any

from infra.backends.pool import BackendState
from infra.journal import views


def backend(state: BackendState) -> dict[str, Any]:
    """One backend; `context` is per request, where all its models have the same, `contexts` by model."""
    return {
        **views.backend_brief(state),
        "adapter": state.adapter,
        "models": list(state.models),
        "context": state.context,
        "contexts": dict(state.contexts),
        "capabilities": list(state.capabilities),
        "last_error": state.last_error,
        "checked_at": views.seconds(state.checked_us),
        "failures": state.failures,
        "ejected": state.ejected,
        "ejected_until": views.seconds(state.ejected_until_us),
    }
