"""The file of a backup: gzip, in it lines of JSON, the same from SQLite and from PostgreSQL.

    {"format":"aethergate-backup","version":1,"schema":2,"dialect":"sqlite","taken_us":…}
    {"table":"users","columns":["id","name",…]}          and then its rows, one a line, in the order of the columns
    ["user_…","bob",…]
    {"end":true,"rows":{"users":1,…},"sha256":"…"}       the checksum is of all bytes before this line, unpacked

It is written to a temporary name, brought to the disk and only then renamed: a file of this name is a whole one.
"""

import gzip
import hashlib
import os
import secrets
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

FORMAT = "aethergate-backup"
VERSION = 1
PAGE = 1_000
"""Rows that are read and written at once."""

KEPT = (
    *("users", "keys", "models", "price_versions", "requests", "entries", "replays", "audit_events"),
    *("drained_backends", "usage_hours", "usage_days", "user_hours", "speed_days", "rollup_state", "pruned_days"),
    "ended_sessions",
)
"""The tables of a backup; whom a row refers to comes first."""
LEFT_OUT = (
    "schema_migrations",
    "instances",
    "window_entries",
    "window_places",
    "live_boards",
    "live_asks",
    "backend_events",
    "slot_shares",
    "backend_pace",
    "backend_trials",
    "rollup_marks",
)
"""What only means something to the processes that run now; the header has the version of the schema."""

Row = Sequence[Any]


class BackupRefused(Exception):
    """A backup or a restore cannot be done; str() is a sentence for the owner."""


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    format: str
    version: int
    schema: int
    dialect: str
    taken_us: int


class _Table(msgspec.Struct, frozen=True):
    table: str
    columns: list[str]


class _End(msgspec.Struct, frozen=True):
    end: bool
    rows: dict[str, int]
    sha256: str


class Archive:
    """A backup that is being written; `with` it, call `finish` at the end. Raises BackupRefused, OSError."""

    def __init__(self, path: Path, force: bool) -> None:
        if not force and path.exists():
            raise BackupRefused(f"{path} exists already: choose another name, or add --force to replace it")
        self._path, self._force = path, force
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._file = os.fdopen(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, compresslevel=6)
        self._digest = hashlib.sha256()
        self.rows: dict[str, int] = {}
        self._table = ""

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def begin(self, header: Header) -> None:
        """The first line."""
        self._lines([header])

    def table(self, name: str, columns: Sequence[str]) -> None:
        """What follows are rows of this table."""
        self._table = name
        self.rows[name] = 0
        self._lines([_Table(name, list(columns))])

    def add(self, rows: Sequence[Row]) -> None:
        """Rows of the table that was named last."""
        self.rows[self._table] += len(rows)
        self._lines(rows)

    def finish(self) -> str:
        """Writes the last line, waits for the disk, gives the file its name, and returns the checksum."""
        sha256 = self._digest.hexdigest()
        self._lines([_End(True, self.rows, sha256)])
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._place()
        sync_folder(self._path.parent)
        return sha256

    def _lines(self, values: Sequence[Any]) -> None:
        data = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
        self._digest.update(data)
        self._gzip.write(data)

    def _place(self) -> None:
        if self._force:
            self._part.replace(self._path)
            return
        try:
            os.link(self._part, self._path)  # unlike a rename it never replaces what came there meanwhile
        except FileExistsError:
            raise BackupRefused(f"{self._path} exists already: choose another name, or add --force") from None
        except OSError:
            self._part.rename(self._path)  # a file system without links


def read(path: Path) -> Iterator[Header | tuple[str, list[str], list[Row]]]:
    """The header, then (table, columns, rows) in pages. Raises BackupRefused where the file is no backup, of a newer
    format, damaged or cut short, which may be only at its end: what was read before is to be thrown away then."""
    try:
        with gzip.open(path, "rb") as file:
            yield from _read(file, path)
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupRefused(f"{path} is damaged or no backup ({error}): nothing was changed") from None


def _read(file: Any, path: Path) -> Iterator[Header | tuple[str, list[str], list[Row]]]:
    digest, rows, page = hashlib.sha256(), dict[str, int](), list[Row]()
    first = file.readline()
    yield _header(first, path)
    digest.update(first)
    table, columns = "", list[str]()
    for line in file:
        if line[:1] == b"[":
            if not table:
                raise BackupRefused(f"{path} is damaged (a row of no table): nothing was changed")
            page.append(_row(line, columns, path))
            rows[table] += 1
        if page and (line[:1] == b"{" or len(page) == PAGE):
            yield table, columns, page
            page = []
        if line.startswith(b'{"end"'):
            _check_end(msgspec.json.decode(line, type=_End), rows, digest.hexdigest(), path)
            return
        if line[:1] == b"{":
            found = msgspec.json.decode(line, type=_Table)
            table, columns = found.table, found.columns
            rows[table] = 0
            yield table, columns, []  # that the table is there, even without rows
        digest.update(line)
    raise BackupRefused(f"{path} is cut short: its last line is missing; nothing was changed")


def _header(line: bytes, path: Path) -> Header:
    found = msgspec.json.decode(line, type=Header)
    if found.format != FORMAT:
        raise BackupRefused(f"{path} is no backup of AetherGate")
    if found.version > VERSION:
        raise BackupRefused(f"{path} was written by a newer AetherGate: restore it with that one")
    return found


def _row(line: bytes, columns: list[str], path: Path) -> Row:
    row: list[Any] = msgspec.json.decode(line)
    if len(row) != len(columns):
        raise BackupRefused(f"{path} is damaged (a row has {len(row)} values for {len(columns)} columns)")
    return row


def _check_end(end: _End, rows: dict[str, int], sha256: str, path: Path) -> None:
    if end.rows != rows or end.sha256 != sha256:
        raise BackupRefused(f"{path} is damaged: its checksum or its counts are wrong; nothing was changed")


def sync_folder(folder: Path) -> None:
    """A file is only found again after a power cut when its folder is on the disk too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
