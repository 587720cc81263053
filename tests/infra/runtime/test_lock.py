"""The lock beside a SQLite file, with real processes holding it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.runtime import lock
from infra.runtime.lock import DatabaseLock, DatabaseLocked

HOLD = """
import sys
from infra.runtime.lock import DatabaseLock
held = DatabaseLock(sys.argv[1])
held.acquire(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
held.release()
"""


@contextmanager
def held_by_another(database: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """A second process that holds the lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def test_the_lock_tells_where_its_holder_serves_and_is_free_after_it(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    with held_by_another(database, "http://127.0.0.1:8123"):
        assert DatabaseLock(database).holder() == "http://127.0.0.1:8123"
    assert DatabaseLock(database).holder() is None


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    assert DatabaseLock(tmp_path / "a.db").holder() is None
    assert not list(tmp_path.iterdir())


def test_a_second_gateway_on_the_same_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "a.db", "http://127.0.0.1:8123") as other:
        with pytest.raises(DatabaseLocked) as refused:
            DatabaseLock(tmp_path / "a.db").acquire("http://127.0.0.1:9999")
        assert str(refused.value) == (
            f"Another AetherGate process (pid {other.pid} at http://127.0.0.1:8123) works on a.db: stop it first."
        )


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "a.db", "http://127.0.0.1:8123") as other:
        other.kill()
        other.wait(10)
        assert DatabaseLock(tmp_path / "a.db").holder() is None
        mine = DatabaseLock(tmp_path / "a.db")
        mine.acquire("http://127.0.0.1:9999")
        mine.release()


def test_a_command_that_works_in_process_is_waited_for(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "a.db", "") as other:
        assert DatabaseLock(tmp_path / "a.db").holder() == ""
        assert other.stdin
        other.stdin.close()
        mine = DatabaseLock(tmp_path / "a.db")
        mine.acquire(None)
        mine.release()


def test_a_command_that_does_not_end_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "COMMAND_SECONDS", 0.2)
    with held_by_another(tmp_path / "a.db", "") as other:
        began = time.monotonic()
        with pytest.raises(DatabaseLocked, match=f"pid {other.pid}"):
            DatabaseLock(tmp_path / "a.db").acquire(None)
        assert 0.2 <= time.monotonic() - began < 5


def test_who_looks_at_a_free_lock_keeps_nobody_from_taking_it(tmp_path: Path) -> None:
    lock_file = DatabaseLock(tmp_path / "a.db")
    for _ in range(50):
        lock_file.acquire("http://127.0.0.1:1")
        lock_file.release()
        assert DatabaseLock(tmp_path / "a.db").holder() is None


def test_releasing_twice_is_no_error_and_telling_without_the_lock_is_one(tmp_path: Path) -> None:
    mine = DatabaseLock(tmp_path / "a.db")
    mine.acquire("")
    mine.tell("http://127.0.0.1:1")
    mine.release()
    mine.release()
    with pytest.raises(ValueError, match="not held"):
        mine.tell("http://127.0.0.1:1")
