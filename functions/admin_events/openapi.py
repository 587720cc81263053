"""The stream of events is no JSON; API_REFERENCE.md has its events."""

from infra.openapi.operation import EVENT_STREAM, Operation

OPERATIONS = {"GET /admin/events": Operation(answer=EVENT_STREAM, errors=(503,))}
