"""A plain answer as its caller gets it."""

from collections.abc import Callable
from typing import Any

from quart import Response

from infra.ledger.operations import Billed
from infra.runtime import replies
from infra.units import show_money


class Plain:
    """Of one request. `said`: what the backend answered."""

    def __init__(self, said: dict[str, Any], model: str, tier: str | None) -> None:
        self._said = said
        replies.named(said, model, tier)
        self._response: Response | None = None
        self._usage: dict[str, Any] | None = None

    def make(self, usage: dict[str, Any], headers: Callable[[], dict[str, str]]) -> None:
        """Makes the response, as a rule while its bill is written, and anew where the bill came to something else."""
        if usage == self._usage:
            return
        self._usage = usage
        self._response = replies.answer({**self._said, "usage": usage}, 200, headers())

    def response(self, billed: Billed | None) -> Response:
        """What was made, with what the ledger says of it; None: it did not answer in time."""
        assert self._response is not None
        if billed is not None:
            self._response.headers.add("x-aethergate-cost", show_money(billed.charged))
            self._response.headers.add("x-aethergate-balance", show_money(billed.balance))
        return self._response
