"""What opening and ending a session say and answer."""

from typing import Any

import msgspec


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An empty object, or no body at all."""


def view(token: str, expires_at: int) -> dict[str, Any]:
    """The token and the epoch second at which it ends."""
    return {"token": token, "expires_at": expires_at}


def ended() -> dict[str, Any]:
    """The token is no good any more."""
    return {"ended": True}
