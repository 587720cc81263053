"""The figures for Prometheus are no JSON."""

from infra.openapi.operation import PLAIN, Operation

OPERATIONS = {"GET /metrics": Operation(answer=PLAIN)}
