"""Health, for people, supervisors and load balancers."""

from quart import Response

from functions.health.schema import ready, report
from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """200 while it serves; /health/ready is 503 while no new work is taken."""
    if call.path == "/health/live":
        return call.answer({"status": "ok"})
    if call.path == "/health/ready":
        return call.answer(report(call.gateway), 200 if ready(call.gateway) else 503)
    return call.answer(report(call.gateway))
