"""The row that a call leaves in the journal."""

from typing import TYPE_CHECKING

from infra.ledger.books import RequestRow

if TYPE_CHECKING:
    from infra.runtime.call import Call

CLIENT_LEFT = 499
"""The status that the journal notes for a client that did not wait, after nginx."""


def draft(call: "Call", model: str, stream: bool) -> RequestRow:
    """The request as it is known before it is held: who asked for what, when."""
    return RequestRow(
        id=call.id,
        state="HELD",
        instance=call.gateway.ledger.instance,
        user_id=call.user.user_id,
        key_id=call.user.key_id,
        endpoint=call.endpoint.name,
        model=model,
        created_us=call.created_us,
        tier=call.tier.name,
        price_factor_ppm=call.tier.factor_ppm,
        stream=stream,
    )
