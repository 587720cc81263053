"""402 in words: what a request needs, what there is, and what that would buy."""

from infra.errors import BalanceTooLow
from infra.ledger.ledger import too_low
from infra.metering.bounds import Bounds


def unaffordable(bounds: Bounds, free_nano: int) -> BalanceTooLow:
    """For a balance of which so many nano-units are free."""
    error = too_low(bounds.least(), free_nano)
    bought = bounds.output_for(free_nano)
    error.message += f" That would buy {bought:,} tokens of output after this prompt ({bounds.prompt:,} tokens)."
    return error
