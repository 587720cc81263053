"""What can be asked of the request log, and the lines that it answers with."""

from dataclasses import dataclass, field, fields
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Generic, TypeVar

from infra.ledger.books import OPEN
from infra.store.clock import SECOND_US

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of those that follow; None where there are none."""

    rows: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which requests; None does not filter. Times are microseconds since 1970, `from_us` ≤ created < `to_us`."""

    id: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    model: str | None = None
    endpoint: str | None = None
    state: str | None = None
    status: tuple[int, int] | None = None
    """From … to, both included."""
    failed: bool = False
    """Whatever `Figures` counts as an error: a status from 400, but not of a client that left."""
    error: str | None = None
    """A part of the error's text or code; a to z in either case."""
    backend: str | None = None
    basis: str | None = None
    from_us: int | None = None
    to_us: int | None = None

    def conditions(self, dialect: str = "sqlite") -> list[tuple[str, tuple[Any, ...]]]:
        """SQL conditions on `requests r`, each with its values."""
        equal = {
            "r.id": self.id,
            "r.user_id": self.user_id,
            "r.key_id": self.key_id,
            "r.model": self.model,
            "r.endpoint": self.endpoint,
            "r.state": self.state,
            "r.backend": self.backend,
            "r.basis": self.basis,
        }
        # Of who failed there is an index of its own, much shorter than any user's or model's of all; concatenated, a
        # column is no temptation for the planner.
        tail = " || ''" if self._failures or self.error is not None else ""
        found: list[tuple[str, tuple[Any, ...]]] = [
            (f"{name}{tail} = ?", (value,)) for name, value in equal.items() if value
        ]
        if self.state in OPEN:
            # In words, so that the databases see that their index of open requests has all of these.
            found.append(("r.state IN ('HELD', 'STREAMING')", ()))
        if self.state == "VOID" and not tail:
            found.append(("r.state = 'VOID'", ()))  # the same, for its own index
        found += self._rare(dialect)
        if self.from_us is not None:
            found.append(("r.created_us >= ?", (self.from_us,)))
        if self.to_us is not None:
            found.append(("r.created_us < ?", (self.to_us,)))
        return found

    @property
    def _failures(self) -> bool:
        return self.failed or (self.status is not None and self.status[0] >= 400)

    def _rare(self, dialect: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Each in the very words of the partial index that has it (migration 0009), or no database would use that."""
        found: list[tuple[str, tuple[Any, ...]]] = []
        if self._failures and self.error is None:  # else the index of errors is the better one
            found.append(("r.status >= 400", ()))
        if self.failed:
            found.append(("r.status <> 499", ()))
        if self.status is not None:
            found.append(("r.status BETWEEN ? AND ?", self.status))
        if self.basis not in (None, "measured"):
            found.append(("r.basis IN ('partial', 'estimated', 'recovered')", ()))
        if self.error is not None:
            part = f"%{_like(self.error.translate(_LOWER))}%"
            as_bytes = ' COLLATE "C"' if dialect == "postgres" else ""  # quicker, and a to z alone, as SQLite does it
            text, code = (f"LOWER(r.{name}{as_bytes}) LIKE ? ESCAPE '!'" for name in ("error", "error_code"))
            sql = f"({text} OR {code})"
            found += [("r.error IS NOT NULL", ()), (sql, (part, part))]
        return found


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def _like(text: str) -> str:
    """The text with nothing in it that LIKE takes for a pattern."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


@dataclass(frozen=True, slots=True)
class Line:
    """One request: the columns of its row (infra.store.models.Request), with the names of its user and key."""

    id: str
    state: str
    user_id: str
    key_id: str
    endpoint: str
    model: str
    served_model: str | None
    backend: str | None
    upstream: str | None
    price_id: str | None
    tier: str
    price_factor_ppm: int
    stream: bool
    held: int
    charged: int
    shortfall: int
    refunded: int
    basis: str | None
    units_json: str
    input_tokens: int
    output_tokens: int
    status: int | None
    error_code: str | None
    error: str | None
    created_us: int
    held_us: int | None
    first_byte_us: int | None
    finished_us: int | None
    username: str | None = field(default=None, metadata={"sql": "u.name AS username"})
    key_name: str | None = field(default=None, metadata={"sql": "k.name AS key_name"})

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Line":
        """A row of `lines`; SQLite has no booleans of its own."""
        return cls(**{**row, "stream": bool(row["stream"])})

    @property
    def took_us(self) -> int | None:
        """From the arrival to the end, in microseconds; None while it runs."""
        return None if self.finished_us is None else self.finished_us - self.created_us

    @property
    def created_at(self) -> int:
        """Epoch seconds."""
        return self.created_us // SECOND_US


_COLUMNS = ", ".join(each.metadata.get("sql", "r." + each.name) for each in fields(Line))


def lines(found: str) -> str:
    """SQL of Lines: `found` selects rows of `requests` first, and only those that are shown get their names."""
    return (
        f"SELECT {_COLUMNS} FROM ({found}) AS r LEFT JOIN users u ON u.id = r.user_id"
        " LEFT JOIN keys k ON k.id = r.key_id ORDER BY r.created_us DESC, r.id DESC"
    )
