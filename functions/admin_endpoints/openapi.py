"""What endpoints look like."""

from typing import Literal

from functions.admin_endpoints.schema import Nothing
from infra.openapi.operation import Operation
from infra.openapi.shapes import Anything, Price, Shape


class EndpointHour(Shape):
    """The last hour, over all processes; errors are answers from 400 up."""

    requests: int
    errors: int


class Endpoint(Shape):
    """One function as gateway.yaml declares it, and whether it serves; `last_hour` is null where it sells nothing."""

    name: str
    function: str
    routes: list[str]
    access: Literal["key", "admin", "open"]
    models: Literal["all"] | dict[str, dict[str, Price] | None]
    limits: Anything
    guards: list[str]
    guards_say: dict[str, str]
    state: Literal["serving", "broken"]
    error: str | None
    last_hour: EndpointHour | None


OPERATIONS = {
    "GET /admin/endpoints": Operation(answer=Endpoint, listed=True),
    "POST /admin/endpoints/{name}/reload": Operation(answer=Endpoint, body=Nothing, errors=(404,)),
}
