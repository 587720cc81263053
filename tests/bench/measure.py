"""One case of one peer: the load runs on its core, and what the peer used of its own is read before and after."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.bench.load import GIVE_UP_SECONDS, Order, Told
from tests.bench.peers import ROOT, Peer

LATE = 1.10
"""A timed stream that takes so much longer than directly is late."""


@dataclass(frozen=True)
class Case:
    """One row of the table; `tokens` per answer."""

    name: str
    kind: str
    connections: int
    seconds: float
    tokens: int


CASES = (
    Case("plain-1", "plain", 1, 2.0, 64),
    Case("plain-32", "plain", 32, 3.0, 64),
    Case("plain-256", "plain", 256, 3.0, 64),
    Case("burst-32", "burst", 32, 3.0, 200),
    Case("timed-256", "timed", 256, 0.0, 200),
    Case("timed-400", "timed", 400, 0.0, 200),
    Case("timed-512", "timed", 512, 0.0, 200),
)
QUICK = tuple(case for case in CASES if case.name in ("plain-1", "plain-32", "burst-32", "timed-256"))


@dataclass
class Result:
    """What one case of one peer came to in one round; milliseconds and microseconds where the names say so."""

    figures: dict[str, float] = field(default_factory=dict)
    error: str = ""


def measure(peer: Peer, case: Case, core: set[int], longest: float) -> Result:
    """`longest`: the median duration of the same streams without a gateway, 0 where it is not known yet."""
    order = Order(peer.port, case.kind, case.connections, case.seconds, case.tokens, model=peer.model, key=peer.key)
    order.late_after = LATE * longest
    before = peer.running.cpu() if peer.running else 0.0
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", msgspec.json.encode(order).decode()],
        cwd=ROOT,
        capture_output=True,
        timeout=GIVE_UP_SECONDS + case.seconds + 30,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    if done.returncode:
        return Result(error=done.stderr.decode()[-300:])
    found = msgspec.json.decode(done.stdout, type=Told)
    used = peer.running.cpu() - before if peer.running else 0.0
    return Result(_figures(case, found, used), found.sample)


def _figures(case: Case, found: Told, cpu: float) -> dict[str, float]:
    out = {"errors": float(found.errors)}
    if case.kind == "plain":
        out |= {"per_second": found.answers / found.elapsed, "cpu_us": 1e6 * cpu / max(1, found.answers)}
        return out | {f"{name}_ms": 1000 * value for name, value in found.spent.items()}
    out |= {"per_second": found.chunks / found.elapsed, "cpu_us": 1e6 * cpu / max(1, found.chunks)}
    out |= {f"first_{name}_ms": 1000 * value for name, value in found.first.items()}
    if case.kind == "timed":
        out |= {"duration": found.spent["p50"], "longest": found.spent["most"]}
        out |= {"late": float(found.late + found.errors), "core_share": cpu / found.elapsed}
    return out


def machine() -> str:
    """The machine in a line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown processor",
    )
    return f"{os.cpu_count()} cores, {model}, Linux {os.uname().release.split('-')[0]}, Python {sys.version.split()[0]}"
