"""What the OpenAPI document of the gateway says of this function."""

from my_functions.summarise.schema import Wanted

from infra.openapi.operation import EVENT_STREAM, Operation
from infra.openapi.shapes import Anything

OPERATIONS = {
    "POST /v1/summarise": Operation(
        answer=Anything, media=(EVENT_STREAM,), body=Wanted, errors=(402, 404, 502, 503, 504)
    )
}
