"""Which events of the audit log."""

from typing import Any

from infra.runtime.query import Query

FIELDS = ("action", "actor", "target", "from", "to", "limit", "cursor")


def conditions(query: Query) -> list[tuple[str, tuple[Any, ...]]]:
    """SQL conditions on `audit_events a`; raises BadRequest. An action without a dot is all of that noun, a target any
    part of it in any case."""
    found: list[tuple[str, tuple[Any, ...]]] = []
    action, actor, target = (query.text(name) for name in ("action", "actor", "target"))
    if action is not None:
        found.append(("a.action = ?", (action,)) if "." in action else _like("a.action", f"{_literal(action)}.%"))
    if actor is not None:
        found.append(("a.actor = ?", (actor,)))
    if target is not None:
        found.append(_like("lower(a.target)", f"%{_literal(target.lower())}%"))
    for sql, moment in (("a.at_us >= ?", query.start()), ("a.at_us < ?", query.end())):
        if moment is not None:
            found.append((sql, (moment,)))
    return found


def _like(column: str, pattern: str) -> tuple[str, tuple[Any, ...]]:
    return f"{column} LIKE ? ESCAPE '!'", (pattern,)


def _literal(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
