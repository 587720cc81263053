"""What functions say of themselves: their `openapi.py`, and their docstrings."""

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Mapping

from infra.config.objects import Endpoint, Route
from infra.openapi.operation import Operation
from infra.openapi.shapes import Anything

log = logging.getLogger("aethergate.openapi")
UNKNOWN = Operation(answer=Anything)
UNKNOWN_POST = Operation(answer=Anything, body=Anything)


def operation(endpoint: Endpoint, route: Route) -> Operation:
    """As the function declares it; a function that declares nothing takes and answers JSON of any shape."""
    known = operations(endpoint.function).get(f"{route.method} {route.path}")
    return known or (UNKNOWN_POST if route.method in ("POST", "PUT", "PATCH") else UNKNOWN)


def operations(function: str) -> Mapping[str, Operation]:
    """By "METHOD /path"; empty where there are none, or where they cannot be read."""
    try:
        if importlib.util.find_spec(f"{function}.openapi") is None:
            return {}
        found = importlib.import_module(f"{function}.openapi").OPERATIONS
        return found if isinstance(found, Mapping) else {}
    except ModuleNotFoundError:
        return {}
    except (Exception, SystemExit):
        # An owner's own function: its mistake must not take the document of all others away.
        log.exception("the OPERATIONS of %s cannot be read", function)
        return {}


def summary(endpoint: Endpoint, route: Route) -> str:
    """The line of the folder's docstring that begins with the route, else its first line."""
    text = inspect.getdoc(sys.modules.get(endpoint.function)) or endpoint.name
    for line in text.splitlines():
        words = line.split(maxsplit=2)
        if len(words) == 3 and f"{words[0]} {words[1]}".rstrip(":") == f"{route.method} {route.path}":
            return words[2]
    return text.splitlines()[0]
