"""Routes as gateway.yaml writes them: `POST /v1/chat/completions`, `GET /v1/models/{id:path}`."""

import re

from infra.config.objects import Route

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SEGMENT = r"[A-Za-z0-9._~:@+-]+|\{[a-z_][a-z0-9_]*\}"
PATTERN = rf"({'|'.join(METHODS)}) (/|(/({_SEGMENT}))*/({_SEGMENT}|\{{[a-z_][a-z0-9_]*:path\}}))"
_ROUTE = re.compile(PATTERN)
_NAME = re.compile(r"\{([a-z_][a-z0-9_]*)(:path)?\}")
EXAMPLE = 'write "POST /v1/chat/completions", with {id} for one part of the path and {id:path} for all the rest'


def route(text: str) -> Route:
    """One route; raises ValueError with what is wrong about it."""
    method, _, path = text.partition(" ")
    if method not in METHODS:
        hint = f"write {method.upper()} in capitals" if method.upper() in METHODS else f"a method is {_or(METHODS)}"
        raise ValueError(f'"{text[:80]}" is not a route: {hint}')
    if not _ROUTE.fullmatch(text):
        raise ValueError(f'"{text[:80]}" is not a route: {EXAMPLE}')
    names = [match[1] for match in _NAME.finditer(path)]
    if len(set(names)) < len(names):
        raise ValueError(f'"{text[:80]}" has the same {{name}} twice')
    return Route(method, path)


def same(one: Route) -> tuple[str, str]:
    """What two routes have in common that catch the same requests: names of parameters do not matter."""
    return one.method, _NAME.sub(lambda match: "{:path}" if match[2] else "{}", one.path)


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
