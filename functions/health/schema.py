"""What the gateway says of its own health: no addresses, no paths, since anybody may ask."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.runtime.gateway import Gateway


def wrongs(gateway: "Gateway") -> list[str]:
    """One sentence for everything that is not as it should be."""
    found = []
    if gateway.draining:
        found.append("The gateway is shutting down.")
    if not gateway.ledger.writer.healthy:
        found.append("The ledger cannot be written: new requests to models are refused.")
    found += [f"The function {f.endpoint.name} is broken." for f in gateway.functions if f.app is None]
    found += [f"The backend {state.name} does not answer." for state in gateway.pool.states() if state.up is False]
    return found


def ready(gateway: "Gateway") -> bool:
    """Whether new requests can be served: the ledger writes and nobody is shutting down."""
    return gateway.ledger.writer.healthy and not gateway.draining


def report(gateway: "Gateway") -> dict[str, Any]:
    """The body of GET /health."""
    found = wrongs(gateway)
    return {"status": "ok" if not found else "degraded", "ready": ready(gateway), "wrong": found}
