"""What the books refused to the owner's hand, in sentences."""

from infra.errors import BadRequest, Conflict, IdempotencyMismatch, NotFound
from infra.ledger.operations import Refused, Result
from infra.units import show_money


def no_post(answer: Result) -> Exception:
    """Why no money was moved; raises TypeError for an answer that is no refusal."""
    if not isinstance(answer, Refused):
        raise TypeError(f"unexpected answer of the books: {answer!r}")
    match answer.why:
        case "exists":
            return Conflict("A user of that name exists already.", param="username")
        case "no_account" | "no_request":
            return NotFound("There is no such user or request.")
        case "mismatch":
            return IdempotencyMismatch("This Idempotency-Key has moved another amount: use a new key.")
        case "open":
            return Conflict("The request is still running; it can be refunded when it has ended.")
        case "over_original":
            return Conflict(f"Only {show_money(answer.free)} of this request's charge is left to refund.")
        case "over_limit":
            return BadRequest("The balance would exceed the largest amount.", param="amount")
        case _:
            return Conflict(
                f"The balance does not allow it: {show_money(answer.free)} is free, {show_money(answer.held)} is held"
                " by running requests."
            )
