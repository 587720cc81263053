"""The routing table: which function answers a method and a path."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.config.objects import Endpoint
from infra.errors import GatewayError, MethodNotAllowed, NotFound
from infra.runtime.functions import Function
from infra.runtime.guards import Guard, guards_of


@dataclass(frozen=True, slots=True)
class Entrance:
    """One function with what stands before it."""

    endpoint: Endpoint
    function: Function
    guards: tuple[Guard, ...]


@dataclass(slots=True)
class Table:
    """Fixed paths by dictionary, paths with names by pattern, in the order of gateway.yaml."""

    fixed: dict[str, dict[str, Entrance]] = field(default_factory=dict)
    patterns: list[tuple[re.Pattern[str], str, Entrance]] = field(default_factory=list)

    def find(self, method: str, path: str) -> Entrance:
        """Raises NotFound, MethodNotAllowed (with the methods there are)."""
        wanted = "GET" if method == "HEAD" else method
        methods = self.methods(path)
        if wanted in methods:
            return methods[wanted]
        if not methods:
            raise NotFound(f"Unknown request URL: {method[:20]} {path[:200]}. Please check the URL for typos.")
        allowed = ", ".join(sorted(methods))
        error: GatewayError = MethodNotAllowed(
            f"{method[:20]} is not allowed on {path[:200]}: use {allowed}.", headers={"allow": allowed}
        )
        raise error

    def methods(self, path: str) -> dict[str, Entrance]:
        """The entrances of a path by method; empty for an unknown one."""
        if path in self.fixed:
            return self.fixed[path]
        if "\0" in path:
            return {}  # no name of anything holds a NUL, and PostgreSQL cannot even be asked for one
        found: dict[str, Entrance] = {}
        for pattern, method, entrance in self.patterns:
            if pattern.fullmatch(path):
                found.setdefault(method, entrance)
        return found


def build(functions: Iterable[Function]) -> Table:
    """The table of these functions."""
    table = Table()
    for function in functions:
        entrance = Entrance(function.endpoint, function, guards_of(function.endpoint))
        for route in function.endpoint.routes:
            if "{" in route.path:
                table.patterns.append((_pattern(route.path), route.method, entrance))
            else:
                table.fixed.setdefault(route.path, {})[route.method] = entrance
    return table


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(:path)?\}", path)
    # re.split gives text, name, ":path" or None, text, …
    text = re.escape(parts[0])
    for position in range(1, len(parts), 3):
        # Just what Quart's own rules take: what passed here and not there would be answered by Quart, not by us.
        text += ("[^/].*" if parts[position + 1] else "[^/]+") + re.escape(parts[position + 2])
    return re.compile(text)
