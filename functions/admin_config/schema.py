"""How faults and changes of gateway.yaml are shown."""

from typing import TYPE_CHECKING, Any

import msgspec

from infra.config.changes import Change
from infra.config.faults import ConfigError, Fault, ManifestFaults
from infra.config.objects import Manifest
from infra.errors import BadRequest

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object, or no body at all: the file is the gateway's own."""


def faults_of(error: ConfigError, file: str) -> list[dict[str, Any]]:
    """Every fault with its place; a fault of .env has no line."""
    found = error.faults if isinstance(error, ManifestFaults) else (Fault(file, 0, "", str(error)),)
    return [{"file": each.file, "line": each.line, "where": each.where, "message": each.message} for each in found]


def checked(
    gateway: "Gateway", faults: list[dict[str, Any]], notes: list[str], manifest: Manifest | None = None
) -> dict[str, Any]:
    """What a look at the file found; overrides of `manifest`, or of the file in force where that cannot be read."""
    overrides = gateway.catalogue.overrides(manifest)
    return {"ok": not faults, "faults": faults, "notes": notes, "overrides": overrides}


def refused(error: ConfigError) -> BadRequest:
    """All faults in one message: nothing was changed."""
    return BadRequest(f"{error}\nNothing was changed.")


def model_of(change: Change) -> tuple[str, str] | None:
    """The model and the endpoint (empty: everywhere) that a change is about; None for other things."""
    if change.kind not in ("model", "price"):
        return None
    model, _, endpoint = change.subject.partition(" at ")  # no model's name holds a space
    return model, endpoint


def change_view(change: Change, using: dict[str, int] | None) -> dict[str, Any]:
    """One difference, in words, with whom it touches."""
    return {"kind": change.kind, "subject": change.subject, "text": change.text, **(using or {})}
