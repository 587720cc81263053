"""Whether another process on this machine still is, by what its kernel says: a lease only tells when it last wrote.

Who is gone holds nothing any more, whatever its lease says. Who is there may still be connected to the backends,
however long it stands still. Nothing can be proved of a process on another machine, in another container, or without
/proc.
"""

import contextlib
import os
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from infra.store.database import Store

IDLE = "idle: cut off"
"""The name, of at most 15 bytes, of a process that cannot say in the database that nothing runs at the backends."""
_NAME = Path("/proc/self/comm")
_SPACES = ("/proc/self/ns/pid", "/proc/self/ns/time")
"""The second one shifts times of birth; an older kernel has none."""
_STATE, _THREADS, _BORN = 0, 17, 19
"""Of what follows the name in /proc/PID/stat."""


class Life(Enum):
    """What is certain of a process."""

    UNKNOWN = "nothing"
    GONE = "it has ended, and all its connections with it"
    THERE = "it is there"
    IDLE = "it is there, and has nothing at the backends"


@dataclass(frozen=True, slots=True)
class Process:
    """One process, ever: a number that is given again belongs to one that was born later."""

    place: str
    """Where numbers and times of birth mean the same: one start of one kernel, and in it the same namespaces."""
    pid: int
    born: int
    """Ticks after the start of the kernel."""


@cache
def _place() -> str | None:
    """Containers on one machine share the boot and not the numbers; machines woken from one image share both, so their
    name counts as well."""
    try:
        if Path("/proc/self").readlink() != Path(str(os.getpid())):
            return None  # the /proc of another namespace
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        spaces = [str(path.readlink()) for path in map(Path, _SPACES) if path.is_symlink()]
    except OSError:
        return None
    return " ".join([boot, *spaces, os.uname().nodename]) if spaces else None


def of(pid: int) -> Process | None:
    """A process of this place; None where the platform does not tell."""
    place, told = _place(), _stat(pid)
    return None if place is None or told is None else Process(place, pid, int(told[1][_BORN]))


def life(place: str | None, pid: int | None, born: int | None) -> Life:
    """Of the process that registered as this."""
    if pid is None or place is None or place != _place():
        return Life.UNKNOWN
    try:
        with contextlib.suppress(PermissionError):  # another user's: it is there
            os.kill(pid, 0)
    except ProcessLookupError:
        return Life.GONE
    told = _stat(pid)
    if told is None:
        return Life.UNKNOWN  # hidden from us, or ended just now
    name, fields = told
    ended = fields[_STATE] in ("Z", "X") and int(fields[_THREADS]) <= 1  # nobody has waited for it yet
    if ended or int(fields[_BORN]) != born:
        return Life.GONE
    return Life.IDLE if name == IDLE else Life.THERE


def _stat(pid: int) -> tuple[str, list[str]] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name, rest.split()


class Sign:
    """The name of this process as a word to those beside it, for as long as the database cannot be reached."""

    def __init__(self) -> None:
        self._was: str | None = None

    def show(self) -> None:
        """Nothing of ours runs at the backends, and nothing will before `take_down`."""
        if self._was is None:
            with contextlib.suppress(OSError):  # then the others go on counting what we held
                was = _NAME.read_text().rstrip("\n")
                _NAME.write_text(IDLE)
                self._was = was

    def take_down(self) -> None:
        """Something may run again."""
        if self._was is not None:
            _NAME.write_text(self._was)
            self._was = None


async def register(store: Store, instance: str) -> None:
    """Adds to the lease who this process is; raises the driver's errors."""
    me = of(os.getpid())
    if me is not None:
        sql = "UPDATE instances SET place = ?, pid = ?, born = ? WHERE id = ?"
        await store.write(lambda: store.run(sql, me.place, me.pid, me.born, instance))


async def bury(store: Store, instance: str) -> None:
    """Ends the leases of processes that are certainly gone. Raises the driver's errors."""
    rows = await store.rows(
        "SELECT id, place, pid, born FROM instances WHERE place = ? AND id <> ? AND lease_until_us > 0",
        _place() or "",
        instance,
    )
    for row in rows:
        if life(row["place"], row["pid"], row["born"]) is Life.GONE:
            await end_lease(store, row["id"])


async def end_lease(store: Store, instance: str) -> None:
    """Whoever looks for the dead next finds this one. Raises the driver's errors."""
    await store.write(lambda: store.run("UPDATE instances SET lease_until_us = 0 WHERE id = ?", instance))
