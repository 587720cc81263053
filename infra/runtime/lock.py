"""One gateway per SQLite file: a lock beside it that tells others where that gateway answers (DESIGN.md section 2).

The kernel frees a flock when its process ends, however it ends, so a stale file never locks anybody out.
"""

import fcntl
import json
import os
from pathlib import Path


class DatabaseLocked(Exception):
    """Another process works on this database; the message is one sentence for the owner."""


class DatabaseLock:
    """The lock of one SQLite file. `url` is where its holder serves, "" for a command that works in-process."""

    def __init__(self, database: str | Path) -> None:
        self.path = Path(f"{database}.lock")
        self._file: int | None = None

    def acquire(self, url: str | None) -> None:
        """Takes the lock at once or raises DatabaseLocked with who has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(opened)
            raise DatabaseLocked(self._sentence()) from None
        self._file = opened
        self.tell(url)

    def tell(self, url: str | None) -> None:
        """Writes where the holder answers; only while the lock is held."""
        if self._file is None:
            raise ValueError("the lock is not held")
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps({"pid": os.getpid(), "url": url or ""}).encode(), 0)

    def holder(self) -> str | None:
        """The URL of a living holder, "" where it serves none, None where nobody holds the lock."""
        try:
            opened = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return str(self._read().get("url", ""))
        finally:
            os.close(opened)
        return None

    def release(self) -> None:
        """Gives the lock back; idempotent. The file stays: removing it would let two processes lock two files."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self) -> dict[str, object]:
        try:
            found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}  # the holder is just writing it
        return found if isinstance(found, dict) else {}

    def _sentence(self) -> str:
        found = self._read()
        where = f" at {found['url']}" if found.get("url") else ""
        name = self.path.name.removesuffix(".lock")
        return f"Another AetherGate process (pid {found.get('pid', '?')}{where}) works on {name}: stop it first."
