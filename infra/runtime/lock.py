"""One gateway per SQLite file: a lock beside it that tells others where that gateway answers
(docs/design.md, How a command finds the gateway).

The kernel frees a flock when its process ends, however it ends, so a stale file never locks anybody out.
"""

import fcntl
import json
import os
import time
from pathlib import Path

PATIENCE_SECONDS = 0.3
"""Whoever only looks holds the lock for a moment."""
COMMAND_SECONDS = 10.0
"""How long a command that works in-process may keep the next one waiting."""


class DatabaseLocked(Exception):
    """Another process works on this database; the message is one sentence for the owner."""


class DatabaseLock:
    """The lock of one SQLite file. `url` is where its holder serves, "" for a command that works in-process."""

    def __init__(self, database: str | Path) -> None:
        self.path = Path(f"{database}.lock")
        self._file: int | None = None

    def acquire(self, url: str | None) -> None:
        """Takes the lock or raises DatabaseLocked with who has it. Waits (and blocks) for a command to finish, never
        for a gateway that serves."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._wait_for(opened)
        except BaseException:
            os.close(opened)
            raise
        self._file = opened
        self.tell(url)

    def _wait_for(self, opened: int) -> None:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                patience = PATIENCE_SECONDS if self._read().get("url") else COMMAND_SECONDS
                if time.monotonic() - began > patience:
                    raise DatabaseLocked(self._sentence()) from None
            time.sleep(0.02)

    def tell(self, url: str | None) -> None:
        """Writes where the holder answers; only while the lock is held."""
        if self._file is None:
            raise ValueError("the lock is not held")
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps({"pid": os.getpid(), "url": url or ""}).encode(), 0)

    def fileno(self) -> int:
        """For children that inherit it: the database stays locked until the last of them has ended."""
        if self._file is None:
            raise ValueError("the lock is not held")
        return self._file

    def holder(self) -> str | None:
        """The URL of a living holder, "" where it serves none, None where nobody holds the lock."""
        try:
            opened = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # Shared, so that two who look at once do not take each other for holders.
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return str(self._read().get("url", ""))
        finally:
            os.close(opened)
        return None

    def release(self) -> None:
        """Gives the lock back; idempotent. The file stays: removing it would let two processes lock two files."""
        if self._file is not None:
            os.ftruncate(self._file, 0)  # the next holder is not taken for this one while it writes its own lines
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
