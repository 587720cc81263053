"""Usage as callers and the journal see it: what is shown is what is billed."""

from typing import Any

import msgspec

from infra.metering.ask import Task
from infra.metering.price import Units
from infra.units import money_decimal


def shown_usage(task: Task, units: Units, charged_nano: int, limited: str | None) -> dict[str, Any]:
    """OpenAI's usage object with its `cost`, an exact decimal in the gateway's currency."""
    usage: dict[str, Any] = {"prompt_tokens": units.input, "total_tokens": units.input + units.output}
    if task != "embedding":
        usage["completion_tokens"] = units.output
        usage["prompt_tokens_details"] = {"cached_tokens": units.cached}
        usage["completion_tokens_details"] = {"reasoning_tokens": units.reasoning}
    usage["cost"] = money_decimal(charged_nano)
    if limited is not None:
        usage["limited"] = limited
    return usage


def units_json(units: Units) -> str:
    """The units that are not zero, for the request's row."""
    found = {name: getattr(units, name) for name in Units.__dataclass_fields__ if getattr(units, name)}
    return msgspec.json.encode(found).decode()
