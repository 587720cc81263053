"""Who a request comes from, as the rest of the gateway sees it."""

from dataclasses import dataclass

from infra.config.objects import Limits


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, by one of their keys."""

    user_id: str
    user_name: str
    key_id: str
    key_name: str
    key_limits: Limits
    user_limits: Limits
    models: frozenset[str] | None
    """Models that the key may use; None: all."""
    weight: int
    """The user's share of a busy backend against other users'."""
    owner: bool
    """The key is the gateway owner's own: it goes to the front of every queue."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts on the admin API, for the audit log."""

    name: str
    until: int | None = None
    """The epoch second at which a session ends; the admin key has no end."""
    claim: str | None = None
    """What the session's token says of itself; None of the admin key."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the gateway remembers of a key."""

    caller: Caller
    secret_hmac: str
    expires_us: int | None
    key_active: bool
    user_active: bool
