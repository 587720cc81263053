"""The fields of a query string, read one by one; whatever cannot be understood is a 400 that names the field."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from infra.errors import BadRequest
from infra.identity.names import storable
from infra.store.clock import SECOND_US

if TYPE_CHECKING:
    from infra.runtime.call import Call

LIMIT_MAX = 1_000
_WHOLE = re.compile(r"[0-9]{1,12}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Query:
    """`Query(call, "user", "limit", …)`: a field that is not named here is refused, since a filter with a typing error
    would quietly list everything."""

    def __init__(self, call: "Call", *known: str) -> None:
        self._fields = call.query
        for name in self._fields:
            if name not in known:
                near = get_close_matches(name[:40], known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}."
                raise BadRequest(f"Unknown query parameter {name[:40]!r}; {hint}", param=name[:40])

    def text(self, name: str) -> str | None:
        """None where it is missing or empty."""
        value = self._fields.get(name)
        if value and not storable(value):
            raise BadRequest(f"{name} must be a text of at most 200 characters without NUL.", param=name)
        return value or None

    def whole(self, name: str, *, least: int, most: int) -> int | None:
        """A whole number; None where it is missing or empty."""
        value = self.text(name)
        if value is None:
            return None
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            raise BadRequest(f"{name} must be a whole number from {least} to {most:,}, found {value!r}.", param=name)
        return int(value)

    def limit(self, default: int = 100) -> int:
        """How many rows: 1 to 1,000."""
        return self.limit_or_all() or default

    def limit_or_all(self) -> int | None:
        """How many rows: 1 to 1,000; None, which is all, where it is missing."""
        return self.whole("limit", least=1, most=LIMIT_MAX)

    def one_of(self, name: str, values: Sequence[str]) -> str | None:
        """One of these words, in any case; None where it is missing or empty."""
        value = self.text(name)
        if value is None:
            return None
        found = next((each for each in values if each.casefold() == value.casefold()), None)
        if found is None:
            raise BadRequest(f"{name} must be one of {', '.join(values)}; found {value!r}.", param=name)
        return found

    def flag(self, name: str) -> bool:
        """1 or true, 0 or false; false where it is missing."""
        return self.one_of(name, ("1", "true", "0", "false")) in ("1", "true")

    def start(self, name: str = "from") -> int | None:
        """The moment from which on, in microseconds; None where it is missing."""
        value = self.text(name)
        return None if value is None else _moment(name, value)

    def end(self, name: str = "to") -> int | None:
        """The moment before which, in microseconds; a bare day counts whole, so this is its end."""
        value = self.text(name)
        if value is None:
            return None
        whole_day = timedelta(days=1) if _DAY.fullmatch(value) else timedelta()
        return _moment(name, value) + whole_day // timedelta(microseconds=1)


def _moment(name: str, value: str) -> int:
    """Epoch seconds, a day, or a day with a time (UTC where it says no zone)."""
    if _WHOLE.fullmatch(value):
        return int(value) * SECOND_US
    try:
        if _DAY.fullmatch(value):
            found = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
        else:
            # In a query "+" is a space; nobody writes a zone with one.
            found = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        return (found - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{name} must be a day (2026-11-24), a time (2026-11-24T12:00:00Z) or epoch seconds; found {value[:40]!r}.",
            param=name,
        ) from None
