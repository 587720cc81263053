"""The figures of this process, for Prometheus. Money is in nano-units, so that no figure is ever rounded."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from infra.ledger.books import RequestRow
from infra.ledger.operations import Billed

if TYPE_CHECKING:
    from infra.runtime.call import Call
    from infra.runtime.gateway import Gateway

log = logging.getLogger("aethergate.requests")

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Telemetry:
    """One per gateway, with a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._children: dict[tuple[Any, ...], Any] = {}
        self._answers = self._counter("answers", "Answers by endpoint and status", "endpoint", "status")
        self._seconds = self._histogram("seconds", "Seconds per request", "endpoint")
        self._first_byte = self._histogram("first_byte_seconds", "Seconds to the first token", "model")
        self._tokens = self._counter("tokens", "Tokens billed", "model", "kind")
        self._charged = self._counter("charged_nano", "Nano-units charged", "model", "basis")
        self._shortfall = self._counter("shortfall_nano", "Nano-units that no balance was left for", "model")
        self._in_flight = self._gauge("in_flight", "Requests being answered")
        self.flying = 0
        """Requests that are being answered; counted here, without a lock."""
        self._in_flight.set_function(lambda: self.flying)
        self._tasks = self._gauge("tasks", "Tasks of the event loop")
        self._ledger_waiting = self._gauge("ledger_waiting", "Operations that wait for a commit")
        self._ledger_healthy = self._gauge("ledger_healthy", "1 while the last commit succeeded")
        self._backend_up = self._gauge("backend_up", "1 where the backend answers", "backend")
        self._backend_busy = self._gauge("backend_busy", "Slots in use", "backend")
        self._backend_ejected = self._gauge("backend_ejected", "1 where it failed too often to be used", "backend")
        self._backend_events = self._counter(
            "backend_events",
            "Requests failed and tried again elsewhere; times ejected and readmitted",
            "backend",
            "what",
        )
        self._fallbacks = self._counter("fallbacks", "Requests that another model served", "model", "served")
        self._backend_queued = self._gauge("backend_queued", "Requests waiting for a slot", "backend")

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(name, help, labels, namespace="aethergate", registry=self.registry)

    def _gauge(self, name: str, help: str, *labels: str) -> Gauge:
        return Gauge(name, help, labels, namespace="aethergate", registry=self.registry)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(name, help, labels, namespace="aethergate", registry=self.registry, buckets=_SECONDS)

    def _of(self, metric: Any, *labels: str) -> Any:
        """The series of a metric with these labels; prometheus_client looks it up under a lock each time."""
        found = self._children.get((metric, *labels))
        if found is None:
            found = self._children[metric, *labels] = metric.labels(*labels)
        return found

    def answered(self, call: "Call", status: int, seconds: float) -> None:
        """A request had its whole answer, or its client had gone (499), after so long."""
        self._of(self._answers, call.endpoint.name, str(status)).inc()
        self._of(self._seconds, call.endpoint.name).observe(seconds)
        log.info(
            "answered",
            extra={
                "request": call.id,
                "endpoint": call.endpoint.name,
                "status": status,
                "ms": round(seconds * 1000, 1),
                "user": call.caller.user_name if call.caller else None,
                "key": call.caller.key_id if call.caller else None,
                "code": call.error.code if call.error else None,
            },
        )

    def ended(self, row: RequestRow, billed: Billed | None) -> None:
        """A request to a model was booked."""
        if row.first_byte_us is not None:
            self._of(self._first_byte, row.model).observe((row.first_byte_us - row.created_us) / 1_000_000)
        if billed is None or row.basis is None:
            return
        self._of(self._tokens, row.model, "input").inc(row.input_tokens)
        self._of(self._tokens, row.model, "output").inc(row.output_tokens)
        self._of(self._charged, row.model, row.basis).inc(billed.charged)
        shortfall = self._of(self._shortfall, row.model)
        if billed.shortfall:
            shortfall.inc(billed.shortfall)

    def fell_back(self, model: str, served: str) -> None:
        """Another model serves, because the backends of the one that was asked for are gone."""
        self._fallbacks.labels(model, served).inc()

    def backend_event(self, backend: str, what: str) -> None:
        """A request failed there or was tried again elsewhere; the backend was ejected or readmitted."""
        self._backend_events.labels(backend, what).inc()
        if what in ("ejected", "readmitted"):
            log.warning("backend %s", what, extra={"backend": backend})

    def page(self, gateway: "Gateway") -> bytes:
        """The figures in Prometheus's text format."""
        gateway.afterwards.catch_up()
        self._tasks.set(len(asyncio.all_tasks()))
        self._ledger_waiting.set(gateway.ledger.writer.depth)
        self._ledger_healthy.set(gateway.ledger.writer.healthy)
        for state in gateway.pool.states():
            self._backend_up.labels(state.name).set(bool(state.up))
            self._backend_busy.labels(state.name).set(state.busy)
            self._backend_queued.labels(state.name).set(state.queued)
            self._backend_ejected.labels(state.name).set(state.ejected)
        return generate_latest(self.registry)
