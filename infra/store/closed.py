"""What was switched off, in a file beside the database, so that a backup from before does not switch it on again.

Append-only: one line of JSON for every change that ends or switches a key or a user, written after the database has it
and brought to the disk before anybody is told. The last line of an id is how it stands. A restore takes this together
with the database that it replaces.
"""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from infra.config.database import DatabaseUrl
from infra.store.beside import beside
from infra.store.clock import now_us

log = logging.getLogger("aethergate.store")


class Closed(msgspec.Struct, frozen=True):
    """A key or a user as it stood. `ends_us`: when a key ends, None: never (users: always None)."""

    kind: Literal["key", "user"]
    id: str
    active: bool
    ends_us: int | None = None
    at_us: int = 0


Closings = dict[tuple[str, str], Closed]
"""(kind, id) → how it stood last."""


def closed_file(url: DatabaseUrl) -> Path:
    """The file of a database: aethergate.db.revoked, for PostgreSQL .aethergate/<digest of its URL>.revoked."""
    return beside(url, "revoked")


def note(path: Path, kind: Literal["key", "user"], id: str, active: bool, ends_us: int | None = None) -> None:
    """Appends a line and waits for the disk. A disk that does not take it is logged: the change itself stands, in the
    database that a restore looks at too."""
    # A line of its own, even after one that a dying process left half written.
    line = b"\n" + msgspec.json.encode(Closed(kind, id, active, ends_us, now_us())) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        log.warning("a revocation could not be noted beside the database: %s", error, extra={"file": path.name})


def read(paths: Iterable[Path]) -> Closings:
    """What the files say together, the strictest of each id; a file that is not there says nothing. Raises OSError."""
    found: Closings = {}
    for path in paths:
        if path.exists():
            found = together(found, _lines(path))
    return found


def _lines(path: Path) -> Closings:
    found: Closings = {}
    for line in path.read_bytes().splitlines():
        try:
            closed = msgspec.json.decode(line, type=Closed) if line else None
        except msgspec.DecodeError:
            log.warning("a line of the revocations cannot be read", extra={"file": path.name})
            continue
        if closed is not None:
            found[closed.kind, closed.id] = closed
    return found


def together(one: Closings, other: Closings) -> Closings:
    """The union: off where either says so, over at the earlier end."""
    found = dict(one)
    for id, closed in other.items():
        known = found.get(id)
        ends = [each.ends_us for each in (known, closed) if each is not None and each.ends_us is not None]
        active = closed.active and (known is None or known.active)
        found[id] = msgspec.structs.replace(closed, active=active, ends_us=min(ends, default=None))
    return found


def statements(closings: Closings) -> Iterable[tuple[str, str, tuple[str | int, ...]]]:
    """Ids with SQL (with `?`) and its values that carry a union out; each touches one row or none."""
    for (kind, id), closed in sorted(closings.items()):
        if not closed.active:
            yield id, f"UPDATE {kind}s SET active = FALSE WHERE id = ? AND active", (id,)
        if closed.ends_us is not None and kind == "key":
            sql = "UPDATE keys SET expires_us = ? WHERE id = ? AND (expires_us IS NULL OR expires_us > ?)"
            yield id, sql, (closed.ends_us, id, closed.ends_us)


STANDING = (
    "SELECT 'key' AS kind, id, active, expires_us FROM keys WHERE NOT active OR expires_us IS NOT NULL"
    " UNION ALL SELECT 'user', id, active, NULL FROM users WHERE NOT active"
)
"""What is switched off or has an end in a database."""


def standing(rows: Iterable[Iterable[object]]) -> Closings:
    """The rows of `STANDING`."""
    found = [msgspec.convert([kind, id, bool(active), ends], _Row) for kind, id, active, ends in rows]
    return {(row.kind, row.id): Closed(row.kind, row.id, row.active, row.ends_us) for row in found}


class _Row(msgspec.Struct, array_like=True):
    kind: Literal["key", "user"]
    id: str
    active: bool
    ends_us: int | None
