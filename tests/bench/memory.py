"""Whether the memory stays flat: `python -m tests.bench.memory [10000]` sends so many streams of 200 tokens through a
gateway and prints its memory on the way. `make bench ARGS="--memory 10000"` does the same."""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench import peers
from tests.bench.measure import Case, measure
from tests.bench.peers import Place
from tests.bench.processes import free_port

CASE = Case("burst-64", "burst", 64, 5.0, 200)


def watch(wanted: int) -> list[tuple[int, float]]:
    """(streams so far, MB), from before the first until `wanted` are through."""
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        place = Place(folder, folder, free_port(), stack, {cores[0]}, {cores[-1]})
        peers.backend(place)
        peer = peers.aethergate(place)
        assert peer.running is not None
        found = [(0, peer.running.memory_mb())]
        while found[-1][0] < wanted:
            figures = measure(peer, CASE, {cores[-1]}, 0).figures
            streams = round(figures["per_second"] * CASE.seconds / (CASE.tokens + 2))
            found.append((found[-1][0] + max(1, streams), peer.running.memory_mb()))
            print(f"{found[-1][0]:7,} streams  {found[-1][1]:6.1f} MB", flush=True)
        return found


if __name__ == "__main__":
    watch(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
