"""make bench: the gateway and its peers side by side, in one go, on this machine.

    make bench                                  everything, until the ratios have settled (a quarter of an hour)
    make bench ARGS="--quick"                   fewer cases, two rounds
    make bench ARGS="--only direct,aethergate"  these alone
    make bench ARGS="--memory 10000"            the gateway's memory over so many streams

On a busy machine only ratios within one run count: each round measures every peer in turn, and the rounds go on until
the median of our ratio to each peer moves by less than 5 %.
"""

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench import memory, peers, report
from tests.bench.measure import CASES, QUICK, Case, Result, measure
from tests.bench.peers import ROOT, Missing, Peer, Place
from tests.bench.processes import free_port, placed

HOME = ROOT / ".bench"
ROUNDS_LEAST, ROUNDS_MOST = 3, 7
SLOW = {"litellm": ("timed-400", "timed-512"), "nginx": ("timed-400",), "sglang-router": ("timed-400",)}
"""Left out: a peer that cannot carry 256 streams is not asked for more, and between 256 and 512 we ask ourselves."""

Table = dict[str, dict[str, list[Result]]]
"""Case → peer → one result per round."""


def main() -> int:
    """Measures and writes .bench/results."""
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended too
    placed(os.sched_getaffinity(0), asked.nice)
    if asked.memory:
        memory.watch(asked.memory)
        return 0
    cases = [
        case for case in (QUICK if asked.quick else CASES) if not asked.cases or case.name in asked.cases.split(",")
    ]
    wanted = asked.only.split(",") if asked.only else list(peers.PEERS)
    left_out = peers.install(HOME / "venv") if {"litellm", "sglang-router"} & set(wanted) else []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        cores = sorted(os.sched_getaffinity(0))
        load = {cores[-1]}
        place = Place(folder, HOME / "venv", free_port(), stack, {cores[0]}, load)
        if len(cores) == 1:
            print("one core only: gateway and load share it, so only ratios mean anything", file=sys.stderr)
        peers.backend(place)
        found = started(place, wanted, left_out)
        table = rounds(found, cases, load, asked)
        used = {peer.name: peer.running.memory_mb() for peer in found if peer.running is not None}
    report.write(HOME / "results", table, used, left_out, found)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer cases, two rounds")
    parser.add_argument("--only", default="", help=f"of {', '.join([*peers.PEERS, *peers.MORE])}")
    parser.add_argument("--cases", default="", help=f"of {', '.join(case.name for case in CASES)}")
    parser.add_argument("--rounds", type=int, default=0, help="exactly so many")
    parser.add_argument("--memory", type=int, default=0, help="only watch the memory over so many streams")
    parser.add_argument("--nice", type=int, default=0, help="priority of all of it, for a machine that others use too")
    return parser.parse_args()


def started(place: Place, wanted: list[str], left_out: list[str]) -> list[Peer]:
    """Every peer that is there; what is missing is named."""
    found = []
    for name in wanted:
        try:
            found.append((peers.PEERS | peers.MORE)[name](place))
            print(f"{name} is ready after {found[-1].started_seconds:.1f} s", flush=True)
        except (Missing, RuntimeError) as error:
            left_out.append(f"{name}: {error}")
            print(f"{name} is left out: {error}", flush=True)
    return found


def rounds(found: list[Peer], cases: list[Case], load: set[int], asked: argparse.Namespace) -> Table:
    """Every case of every peer in turn, again and again."""
    table: Table = {case.name: {peer.name: [] for peer in found} for case in cases}
    most = asked.rounds or (2 if asked.quick else ROUNDS_MOST)
    for number in range(1, most + 1):
        before = report.ratios(table)
        for case in cases:
            for peer in found:
                if case.name not in SLOW.get(peer.name, ()):
                    table[case.name][peer.name].append(once(table, peer, case, load))
        after = report.ratios(table)
        moved = max((abs(after[key] / before[key] - 1) for key in after if before.get(key)), default=1.0)
        print(f"round {number}: ratios moved by at most {moved:.0%}", flush=True)
        if not asked.rounds and number >= ROUNDS_LEAST and moved < 0.05:
            break
    return table


def once(table: Table, peer: Peer, case: Case, load: set[int]) -> Result:
    """One measurement, shown as it comes."""
    direct = table[case.name].get("direct") or []
    longest = report.median_of(direct, "duration") if case.kind == "timed" else 0.0
    result = measure(peer, case, load, longest or case.tokens * 0.02)
    shown = " ".join(f"{name}={value:.4g}" for name, value in result.figures.items())
    print(f"  {case.name:10} {peer.name:22} {shown} {result.error[:200]}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
