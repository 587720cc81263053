"""Bills that wait for the database on the disk: one fsynced file per process, posted when the database is back.

While commits fail, every end of a request is appended here before anybody is told that it ended. After the commit that
writes them all the file is emptied. A process that dies meanwhile leaves its file: whoever starts next posts it before
open requests are recovered, so that a bill comes before its checkpoint. Ids make a second post harmless.
"""

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from infra.ledger import failpoint
from infra.ledger.books import RequestRow
from infra.ledger.operations import Settle, Void

log = logging.getLogger("aethergate.ledger")


class _Line(msgspec.Struct):
    """One end of a request."""

    kind: str
    final: RequestRow
    amount: int = 0


class Spool:
    """The file of one process; `path` need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._written: set[str] = set()

    @property
    def used(self) -> bool:
        """Whether anything is in the file."""
        return self._file is not None

    def keep(self, operations: Iterable[Settle | Void]) -> None:
        """Appends what is not in the file yet and waits for the disk; raises OSError."""
        fresh = [operation for operation in operations if operation.final.id not in self._written]
        if not fresh:
            return
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ours while we live; see `leftovers`
            _sync_folder(self.path.parent)
        _append(self._file, b"".join(msgspec.json.encode(_line(operation)) + b"\n" for operation in fresh))
        failpoint.reach("after-spool")
        self._written |= {operation.final.id for operation in fresh}

    def empty(self) -> None:
        """Everything is in the database: forgets the file; raises OSError, and tries again at the next call."""
        if self._file is not None:
            failpoint.reach("before-spool-removal")
            self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
            self._written.clear()

    def close(self) -> None:
        """Leaves the file as it is, for whoever starts next."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _append(file: int, lines: bytes) -> None:
    """All of it, on the disk, or nothing: half a line would spoil the one that comes after it."""
    before = os.fstat(file).st_size
    try:
        left = memoryview(lines)
        while left:
            left = left[os.write(file, left) :]
        failpoint.reach("in-spool")
        os.fsync(file)
    except OSError:
        os.ftruncate(file, before)
        raise


def _sync_folder(folder: Path) -> None:
    """A file is only found again after a power cut when its folder is on the disk too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _line(operation: Settle | Void) -> _Line:
    if isinstance(operation, Settle):
        return _Line("settle", operation.final, operation.amount)
    return _Line("void", operation.final)


def leftovers(folder: Path, prefix: str) -> Iterator[tuple[Path, list[Settle | Void]]]:
    """The files of dead processes with their bills; a file that a living process holds is passed over."""
    for path in sorted(folder.glob(f"{prefix}*")) if folder.is_dir() else []:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield path, list(_read(file.read(), path))


def _read(data: bytes, path: Path) -> Iterator[Settle | Void]:
    for number, text in enumerate(data.splitlines(), start=1):
        try:
            line = msgspec.json.decode(text, type=_Line)
        except msgspec.DecodeError:
            # Only a line that was being written when the process died; nobody was told that it ended.
            log.warning("a line of a spool cannot be read", extra={"file": path.name, "line": number})
            continue
        yield Settle(line.final, line.amount) if line.kind == "settle" else Void(line.final)
