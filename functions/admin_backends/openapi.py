"""What backends look like."""

from functions.admin_backends.schema import Switch
from infra.openapi.operation import PAGE, Operation
from infra.openapi.shapes import BackendBrief, Shape, Time


class BackendHour(Shape):
    """The last hour, over all processes; the speed is that of one stream."""

    requests: int
    errors: int
    tokens_per_second: float | None


class Backend(BackendBrief, kw_only=True):
    """A backend with what it tells and what it did."""

    adapter: str
    models: list[str]
    context: int | None
    contexts: dict[str, int]
    loaded: list[str] | None
    capabilities: list[str]
    abilities: dict[str, list[str]]
    server_running: int | None
    server_waiting: int | None
    last_error: str | None
    checked_at: Time | None
    last_hour: BackendHour
    failures: int
    ejected: bool
    ejected_until: Time | None
    draining: bool
    available: list[str]
    opens_at: Time | None


class BackendEvent(Shape):
    """One thing that happened to a backend."""

    id: str
    at: Time
    kind: str
    why: str | None


OPERATIONS = {
    "GET /admin/backends": Operation(answer=Backend, listed=True),
    "POST /admin/backends/probe": Operation(answer=Backend, listed=True),
    "PATCH /admin/backends/{name}": Operation(answer=Backend, body=Switch, errors=(404,)),
    "GET /admin/backends/{name}/events": Operation(answer=BackendEvent, listed=True, query=PAGE, errors=(404,)),
}
