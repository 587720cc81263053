"""What is sold and what came of it at the admin API: models, prices, requests, backends, the ledger."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infra.client.door import Amount, Answer, Unreachable, Verbs, once, segment

AUDIT_SECONDS = 1_800.0
"""The whole ledger is read: of a million requests for most of a minute on a small machine."""


class Trade(Verbs):
    """The verbs of models, requests, backends and money."""

    async def models(self) -> Answer:
        """Models with targets, prices per token, and whether they override gateway.yaml."""
        return await self._door.ask("GET", "/admin/models")

    async def model(self, model: str) -> Answer:
        """One of them."""
        return await self._door.ask("GET", f"/admin/models/{segment(model)}")

    async def put_model(
        self,
        model: str,
        upstream: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None = None,
        *,
        price_in: Amount | None = None,
        price_out: Amount | None = None,
        price: Mapping[str, str | None] | None = None,
        max_output: int | None = None,
        fallback: str | None = None,
    ) -> Answer:
        """Makes or changes a model; prices per token, or `price` as in gateway.yaml ({"input": "1.00/1M"}).

        None for a meter takes its own price away. `upstream` may be several places, each with a weight as {"to":
        "gpu1/m", "weight": 3}; `fallback` serves while all of them are gone.
        """
        body: Answer = {"id": model, "upstream": upstream, "price_in": price_in, "price_out": price_out}
        body |= {"price": price, "max_output": max_output, "fallback": fallback}
        return await self._door.ask("POST", "/admin/models", body=body)

    async def remove_model(self, model: str) -> Answer:
        """Takes back what the owner declared over gateway.yaml."""
        return await self._door.ask("DELETE", f"/admin/models/{segment(model)}")

    async def prices(self, model: str) -> Answer:
        """Every price version of a model, newest first."""
        return await self._door.ask("GET", "/admin/prices", query={"model": model})

    async def preview_price(
        self,
        model: str,
        *,
        price: Mapping[str, str | None] | None = None,
        price_in: Amount | None = None,
        price_out: Amount | None = None,
        endpoint: str | None = None,
        days: int | None = None,
    ) -> Answer:
        """What a price would have meant on the last days' requests; changes nothing."""
        body: Answer = {"model": model, "price": price, "price_in": price_in, "price_out": price_out}
        # A meter may be null, "no price of its own": only what was not said at all is left out.
        said = {
            name: value for name, value in {**body, "endpoint": endpoint, "days": days}.items() if value is not None
        }
        return await self._door.ask("POST", "/admin/prices/preview", body=said, nulls=True)

    async def requests(self, *, limit: int | None = None, cursor: str | None = None, **filters: Any) -> Answer:
        """The journal, newest first; filters: id, user, key, model, state, status, endpoint, backend, basis, error,
        from, to."""
        return await self._door.ask("GET", "/admin/requests", query={**filters, "limit": limit, "cursor": cursor})

    async def request(self, request_id: str) -> Answer:
        """One request with its cost item by item."""
        return await self._door.ask("GET", f"/admin/requests/{segment(request_id)}")

    async def backends(self) -> Answer:
        """Every backend: up, slots, busy, queued, what it serves."""
        return await self._door.ask("GET", "/admin/backends")

    async def probe_backends(self) -> Answer:
        """Looks at every backend now."""
        return await self._door.ask("POST", "/admin/backends/probe", body={})

    async def drain_backend(self, name: str, drain: bool = True) -> Answer:
        """Sends nothing new to a backend while what runs there finishes; False: takes it into service again."""
        return await self._door.ask("PATCH", f"/admin/backends/{segment(name)}", body={"drain": drain})

    async def ledger(self, user: str | None = None, limit: int | None = None, cursor: str | None = None) -> Answer:
        """The entries, newest first."""
        return await self._door.ask("GET", "/admin/ledger", query={"user": user, "limit": limit, "cursor": cursor})

    async def top_up(
        self, username: str, amount: Amount, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> Answer:
        """Money comes in; the same key moves it only once."""
        body = {"username": username, "amount": amount, "reason": reason}
        return await self._post_money("topups", body, idempotency_key)

    async def adjust(self, username: str, amount: Amount, *, reason: str, idempotency_key: str | None = None) -> Answer:
        """Corrects a balance, up or down."""
        body = {"username": username, "amount": amount, "reason": reason}
        return await self._post_money("adjustments", body, idempotency_key)

    async def refund(
        self, request_id: str, amount: Amount | None = None, *, reason: str, idempotency_key: str | None = None
    ) -> Answer:
        """Gives a request's charge back, whole or in part."""
        body = {"request_id": request_id, "amount": amount, "reason": reason}
        return await self._post_money("refunds", body, idempotency_key)

    async def _post_money(self, what: str, body: Answer, key: str | None) -> Answer:
        return await self._door.ask("POST", f"/admin/ledger/{what}", body=body, idempotency_key=key or once())

    async def audit(self, reprice: bool = False) -> Answer:
        """Proves the balances from the ledger, with `reprice` every bill too; `findings` is empty where all adds up."""
        query = {"reprice": 1 if reprice else None}
        return await self._door.ask("GET", "/admin/ledger/audit", query=query, seconds=AUDIT_SECONDS)

    async def audit_followed(self, told: Callable[[Answer], object], reprice: bool = False) -> Answer:
        """The same, and `told` how far it is meanwhile: {"done", "total", "rule"}, rows and the rule being checked."""
        query = {"reprice": 1 if reprice else None, "progress": 1}
        async for event in self._door.listen("/admin/ledger/audit", query=query):
            if event.kind == "report":
                return event.data
            told(event.data)
        raise Unreachable("the gateway ended the check before its report")
