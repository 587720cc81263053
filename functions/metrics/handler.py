"""The figures."""

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Response

from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """Prometheus scrapes it with `authorization: {credentials: <admin key>}`."""
    return Response(call.gateway.telemetry.page(call.gateway), content_type=CONTENT_TYPE_LATEST)
