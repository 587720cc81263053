"""Puts the document together (OpenAPI 3.1)."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from infra import errors
from infra.config.objects import Endpoint, Route
from infra.openapi import declared
from infra.openapi.operation import Operation
from infra.openapi.shapes import Anything, Error

REFERENCE = "#/components/schemas/{name}"
ERRORS = {
    "open": (413, 415, 500),
    "admin": (400, 401, 403, 413, 415, 429, 500),
    "key": (400, 401, 403, 413, 415, 429, 500, 503),
}
"""By access: what the guards and a failing function answer."""
SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "open": [],
    "admin": [{"adminKey": []}, {"bearer": []}],
    "key": [{"bearer": []}, {"apiKey": []}],
}
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A user's key; on /admin the admin key or a token."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A user's key."},
    "adminKey": {"type": "apiKey", "in": "header", "name": "x-admin-key", "description": "The admin key, or a token."},
}
KEY_MAX = 255


def document(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """Every route of these endpoints; those of functions that declare nothing are there without shapes."""
    found = [
        (endpoint, route, declared.operation(endpoint, route)) for endpoint in endpoints for route in endpoint.routes
    ]
    types = {type_ for _, _, operation in found for type_ in _types(operation)}
    ordered = sorted(types, key=lambda each: f"{each.__module__}.{each!r}")
    schemas, components = msgspec.json.schema_components([Error, *ordered], ref_template=REFERENCE)
    shapes = dict(zip([Error, *ordered], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint, route, operation in found:
        described = _described(endpoint, route, operation, shapes)
        paths.setdefault(_path(route.path), {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "AetherGate", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "..", "description": "Relative to where this document is."}],
        "paths": paths,
        "components": {"schemas": _tolerant(components), "securitySchemes": SCHEMES},
    }


def _described(
    endpoint: Endpoint, route: Route, operation: Operation, shapes: Mapping[Any, dict[str, Any]]
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _id(route),
        "tags": [endpoint.name],
        "summary": declared.summary(endpoint, route),
        "security": SECURITY[endpoint.access],
        "parameters": list(_parameters(route, operation)),
        "responses": _responses(endpoint, operation, shapes),
    }
    if operation.body is not None:
        required = bool(shapes[operation.body].get("$ref")) and _needs_something(operation.body)
        found["requestBody"] = {"required": required, "content": _json(shapes[operation.body])}
    return found


def _parameters(route: Route, operation: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name, field in operation.query.items():
        yield {"name": name, "in": "query", "description": field.says, "schema": dict(field.schema)}
    if route.method == "POST":
        says = "Carried out once for each key (API_REFERENCE.md, Idempotency-Key)."
        schema = {"type": "string", "maxLength": KEY_MAX}
        required = operation.moves_money
        yield {"name": "Idempotency-Key", "in": "header", "required": required, "description": says, "schema": schema}


def _responses(endpoint: Endpoint, operation: Operation, shapes: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status in (operation.status, *operation.also):
        media = [operation.answer] if isinstance(operation.answer, str) else []
        shape = {} if media else shapes[operation.answer]
        content = {} if media else _json(_list(shape) if operation.listed else shape)
        for kind in (*media, *operation.media):
            content[kind] = {"schema": {"type": "string"}}
        found[str(status)] = {"description": "The answer.", "content": content}
    for status in sorted({*ERRORS[endpoint.access], *operation.errors}):
        if str(status) not in found:
            found[str(status)] = {"description": _meaning(status), "content": _json(shapes[Error])}
    return found


def _list(shape: dict[str, Any]) -> dict[str, Any]:
    """`next` is the cursor of what follows, null at the end."""
    fields = {"object": {"const": "list"}, "data": {"type": "array", "items": shape}}
    properties = {**fields, "next": {"type": ["string", "null"]}}
    return {"type": "object", "required": list(properties), "properties": properties}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _meaning(status: int) -> str:
    """The codes that an error of this status may have."""
    kinds = [kind for kind in _family(errors.GatewayError) if kind.status == status]
    return " ".join(f"`{kind.code}`: {inspect.getdoc(kind)}" for kind in kinds if kind.code) or "The request is wrong."


def _family(kind: type[errors.GatewayError]) -> Iterator[type[errors.GatewayError]]:
    yield kind
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _family(each)


def _types(operation: Operation) -> Iterator[Any]:
    yield from (each for each in (operation.answer, operation.body) if each is not None and not isinstance(each, str))


def _needs_something(body: Any) -> bool:
    return body is Anything or any(field.required for field in msgspec.structs.fields(body))


def _path(path: str) -> str:
    return re.sub(r"\{(\w+):path\}", r"{\1}", path)


def _id(route: Route) -> str:
    words = re.sub(r"\W+", "_", _path(route.path)).strip("_")
    return f"{route.method.lower()}_{words}"


def _tolerant(schema: Any) -> Any:
    """An amount may be sent as a number or as text; of either every digit counts."""
    if isinstance(schema, dict):
        if schema.get("type") == "string" and schema.get("format") == "decimal":
            return {**schema, "type": ["string", "number"]}
        return {name: _tolerant(each) for name, each in schema.items()}
    return [_tolerant(each) for each in schema] if isinstance(schema, list) else schema
