"""Where the request log is looked for a text among its errors.

On SQLite one index has every error's text. PostgreSQL refuses index rows of more than 2,704 bytes, so there errors up
to a length have an index that answers by itself, and the few longer ones another (migration 0016). Without the first, a
text that nothing has would be looked for in every page of the table that has a failed request.
"""

from collections.abc import Callable

from infra.journal.line import Filters, lines

_LENGTH = "octet_length(error || COALESCE(error_code, ''))"
_FAILED = f"""(
SELECT * FROM requests WHERE error IS NOT NULL AND {_LENGTH} <= 1000
UNION ALL SELECT * FROM requests WHERE error IS NOT NULL AND {_LENGTH} > 1000)"""
"""In the very words of the two indexes."""


def table(filters: Filters, dialect: str) -> str:
    """What `requests r` is to be read from."""
    return _FAILED if filters.error is not None and dialect == "postgres" else "requests"


def page_of(filters: Filters, dialect: str) -> tuple[str, Callable[[str], str]]:
    """(SELECT without its WHERE, what makes Lines of the whole): an index that answers by itself knows only the ids."""
    place = table(filters, dialect)
    if place == "requests":
        return "SELECT r.* FROM requests r", lines
    return f"SELECT r.created_us, r.id FROM {place} r", _by_id


def _by_id(found: str) -> str:
    return lines(f"SELECT r.* FROM ({found}) AS f JOIN requests r ON r.id = f.id")
