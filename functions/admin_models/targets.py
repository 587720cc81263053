"""Where a model is served: "ollama/qwen2.5:3b" → a backend of gateway.yaml and the model's own name there."""

from collections.abc import Mapping
from dataclasses import replace

from functions.admin_models.schema import PutModel, Weighted
from infra.config.objects import Backend, Target
from infra.errors import BadRequest

ALIASES = {"ollama_chat": "ollama", "hosted_vllm": "vllm", "text-completion-openai": "openai"}
"""LiteLLM's other names for the adapters (its provider list)."""
UPSTREAM_MAX = 200
TARGETS_MAX = 32
WEIGHT_MAX = 1000


def targets(wanted: PutModel, backends: Mapping[str, Backend]) -> tuple[Target, ...] | None:
    """Those that were asked for; None where nothing was said. Raises BadRequest, which lists the backends."""
    if wanted.upstream is not None and wanted.litellm_name is not None:
        raise BadRequest("upstream and litellm_name are the same: send one of them.", param="litellm_name")
    param = "upstream" if wanted.upstream is not None else "litellm_name"
    said = wanted.upstream if wanted.upstream is not None else wanted.litellm_name
    if said is None:
        return None
    each = [one if isinstance(one, Weighted) else Weighted(one) for one in (said if isinstance(said, list) else [said])]
    if not 1 <= len({one.to for one in each}) == len(each) <= TARGETS_MAX:
        raise BadRequest(f"{param} must hold 1 to {TARGETS_MAX} different names.", param=param)
    if not all(1 <= one.weight <= WEIGHT_MAX for one in each):
        raise BadRequest(f"A weight must be from 1 to {WEIGHT_MAX:,}.", param=param)
    return tuple(replace(_target(one.to, param, backends), weight=one.weight) for one in each)


def needed(backends: Mapping[str, Backend]) -> BadRequest:
    """The refusal of a new model without a target."""
    return BadRequest(f"A new model needs an upstream: {_how(backends)}", param="upstream")


def _target(name: str, param: str, backends: Mapping[str, Backend]) -> Target:
    before, slash, upstream = name.partition("/")
    if not (before and slash and upstream) or len(upstream) > UPSTREAM_MAX:
        raise BadRequest(f"{name[:80]!r} names no backend: {_how(backends)}", param=param)
    if not upstream.isprintable() or " " in upstream:
        raise BadRequest(f"{name[:80]!r} holds a space or a control character.", param=param)
    if before in backends:
        return Target(before, upstream)
    adapter = ALIASES.get(before, before)
    having = [each for each, backend in backends.items() if backend.adapter == adapter]
    if len(having) == 1:
        return Target(having[0], upstream)
    which = f"more than one backend speaks {adapter}" if having else f"there is no backend {before[:80]!r}"
    raise BadRequest(f"{which}: {_how(backends)}", param=param)


def _how(backends: Mapping[str, Backend]) -> str:
    known = ", ".join(f"{name} ({backend.adapter})" for name, backend in backends.items())
    first = next(iter(backends), "backend")
    return f'write backend/its own name, as in "{first}/qwen2.5:3b". The backends of gateway.yaml are: {known}.'
