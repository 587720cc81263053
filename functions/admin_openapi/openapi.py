"""What GET /admin/openapi.json answers."""

from infra.openapi.operation import Operation
from infra.openapi.shapes import Anything

OPERATIONS = {"GET /admin/openapi.json": Operation(answer=Anything)}
