"""The harness works: it measures the stand-in and a real gateway, counts what came, and writes its table."""

import os
from contextlib import ExitStack
from pathlib import Path

from tests.bench import peers, report
from tests.bench.measure import Case, measure
from tests.bench.peers import Peer, Place
from tests.bench.processes import free_port

SMALL = (
    Case("plain-2", "plain", 2, 0.3, 8),
    Case("burst-2", "burst", 2, 0.3, 20),
    Case("timed-4", "timed", 4, 0.0, 10),
)


def test_every_case_comes_back_whole_from_the_stand_in_and_through_the_gateway(tmp_path: Path) -> None:
    cores = os.sched_getaffinity(0)
    with ExitStack() as stack:
        place = Place(tmp_path, tmp_path / "venv", free_port(), stack, cores, cores)
        peers.backend(place)
        found: list[Peer] = [peers.direct(place), peers.aethergate(place)]
        table = {case.name: {peer.name: [measure(peer, case, cores, 0.2)] for peer in found} for case in SMALL}
    for name, by_peer in table.items():
        for results in by_peer.values():
            assert results[0].error == ""
            assert results[0].figures["errors"] == 0
            assert results[0].figures["per_second"] > 0, name
    report.write(tmp_path / "results", table, {peer.name: 1.0 for peer in found}, ["nobody: why not"], found)
    assert "| aethergate |" in (tmp_path / "results" / "bench.md").read_text()
    assert (tmp_path / "results" / "bench.csv").read_text().startswith("case,peer,round,figure,value\n")
    assert (tmp_path / "results" / "bench.svg").read_text().startswith("<svg ")


def test_what_cannot_be_had_is_named_and_left_out(tmp_path: Path) -> None:
    with ExitStack() as stack:
        place = Place(tmp_path, tmp_path / "venv", free_port(), stack, set(), set())
        try:
            place.program("no-such-program")
        except peers.Missing as missing:
            assert str(missing) == "there is no no-such-program"
