"""python -m tests.simulate --seeds 5000: seeds of the simulator, on as many processes as there are cores."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pool

from tests.simulate.story import Told, simulate


def attempt(seed: int) -> Told | str:
    """One seed, or what broke at it."""
    try:
        return simulate(seed)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"seed {seed}: {type(error).__name__}: {error}"


def attempts(seeds: range, processes: int) -> Iterator[Told | str]:
    """All of them, in any order."""
    with Pool(processes) as pool:
        yield from pool.imap_unordered(attempt, seeds, chunksize=10)


def main() -> int:
    """Prints the failing seeds; they belong into tests/simulate/seeds.py."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate")
    parser.add_argument("--seeds", type=int, default=5_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    began, good, bad = time.monotonic(), [], []
    for told in attempts(range(asked.first, asked.first + asked.seeds), asked.processes):
        if isinstance(told, str):
            bad.append(told)
            print(told, flush=True)
        else:
            good.append(told)
    sums = {name: sum(getattr(t, name) for t in good) for name in ("commits", "requests", "finished", "deaths")}
    print(f"{len(good)} seeds hold, {len(bad)} broke, {time.monotonic() - began:.0f} s: {sums}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
