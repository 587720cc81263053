"""The document of the whole API."""

from quart import Response

from functions.admin_openapi.schema import version
from infra.openapi.document import document
from infra.runtime.call import Call
from infra.runtime.query import Query


async def handle(call: Call) -> Response:
    """OpenAPI 3.1, owner's own functions included. Raises BadRequest."""
    Query(call)
    return call.answer(document((function.endpoint for function in call.gateway.functions), version()))
