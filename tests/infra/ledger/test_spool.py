"""The spool at its edges: a bill that somebody was told about is on the disk until it is in the database."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.ledger.books import RequestRow
from infra.ledger.operations import Done, Settle, Void
from infra.ledger.spool import Spool, leftovers
from infra.ledger.writer import Writer


def bill(number: int) -> Settle:
    return Settle(RequestRow(f"req_{number}", "SETTLED", "inst_1", "user", "key", "chat", "m", 1), 100 + number)


def on_disk(folder: Path) -> list[str]:
    """The requests whose bills whoever starts next would post."""
    return [end.final.id for _, ends in leftovers(folder, "spool-") for end in ends]


class Vault:
    """Does what the test says at each commit: an exception is raised, an event is waited for."""

    impossible = (ZeroDivisionError,)

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.committed: list[str] = []
        self.asked = 0

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def commit(self, operations: Sequence[Any]) -> tuple[list[Any], dict[str, tuple[int, int]]]:
        self.asked += 1
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if isinstance(step, asyncio.Event):
            await step.wait()
        self.committed += [operation.final.id for operation in operations]
        return [Done() for _ in operations], {}


async def until(told: Any) -> None:
    for _ in range(200):
        if told():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


async def test_the_file_stays_until_the_last_bill_in_it_is_committed(tmp_path: Path) -> None:
    never = asyncio.Event()
    # Two tries fail; the third fails as a batch, then its first alone gets through, and then the process dies.
    vault = Vault(OSError("away"), OSError("away"), OSError("away"), None, never)
    spool = Spool(tmp_path / "spool-inst_1")
    writer = Writer(vault, lambda _: None, kept=(Settle, Void), spool=spool)
    await writer.start()
    answers = [writer.submit(bill(number)) for number in range(3)]
    await asyncio.wait(answers)
    await until(lambda: vault.committed == ["req_0"] and vault.asked == 5)
    assert writer._task is not None
    writer._task.cancel()  # the process dies here
    await asyncio.wait({writer._task})
    spool.close()
    assert {"req_1", "req_2"} <= set(on_disk(tmp_path))


async def test_a_bill_is_on_the_disk_before_the_connection_is_tried_anew(tmp_path: Path) -> None:
    class Slow(Vault):
        opened = 0

        async def open(self) -> None:
            self.opened += 1
            if self.opened > 1:
                await asyncio.Event().wait()

    vault = Slow(OSError("away"))
    spool = Spool(tmp_path / "spool-inst_1")
    writer = Writer(vault, lambda _: None, kept=(Settle, Void), spool=spool)
    await writer.start()
    writer.submit(bill(1))
    await until(lambda: vault.opened == 2)
    assert writer._task is not None
    writer._task.cancel()
    await asyncio.wait({writer._task})
    spool.close()
    assert on_disk(tmp_path) == ["req_1"]


async def test_an_end_while_the_database_hangs_leaves_the_bills_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.ledger.writer.STOP_SECONDS", 0.1)
    vault = Vault(asyncio.Event())
    writer = Writer(vault, lambda _: None, kept=(Settle, Void), spool=Spool(tmp_path / "spool-inst_1"))
    await writer.start()
    writer.submit(bill(1))
    await until(lambda: vault.asked == 1)
    writer.submit(bill(2))
    await writer.stop()
    assert on_disk(tmp_path) == ["req_1", "req_2"]


async def test_a_file_that_cannot_be_removed_does_not_end_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(OSError("away"), OSError("away"))
    writer = Writer(vault, lambda _: None, kept=(Settle, Void), spool=Spool(tmp_path / "spool-inst_1"))
    await writer.start()

    def stuck(*_: Any, **__: Any) -> None:
        raise PermissionError("the folder is read-only now")

    monkeypatch.setattr(Path, "unlink", stuck)
    writer.submit(bill(1))
    await until(lambda: vault.committed == ["req_1"])
    await asyncio.sleep(0.05)
    await asyncio.wait_for(writer.submit(bill(2)), 2)
    assert writer.healthy
    monkeypatch.undo()
    await writer.stop()


def test_a_write_that_takes_only_a_part_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:7]))
    spool = Spool(tmp_path / "spool-inst_1")
    spool.keep([bill(1), bill(2)])
    spool.close()
    assert on_disk(tmp_path) == ["req_1", "req_2"]


def test_a_write_that_fails_half_way_spoils_no_later_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.write, [20]

    def full(file: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(28, "no space left on device")
        count = real(file, data[: left[0]])
        left[0] -= count
        return count

    spool = Spool(tmp_path / "spool-inst_1")
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space"):
        spool.keep([bill(1)])
    monkeypatch.undo()
    spool.keep([bill(1), bill(2)])
    spool.close()
    assert on_disk(tmp_path) == ["req_1", "req_2"]
