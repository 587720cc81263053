"""What was measured, as CSV, as a table in Markdown and as a chart in SVG."""

import csv
import time
from pathlib import Path
from statistics import median

from tests.bench.measure import Result, machine
from tests.bench.peers import Peer

OURS = "aethergate"


def median_of(results: list[Result], name: str) -> float:
    """The median over the rounds; 0 where nothing was measured."""
    found = [result.figures[name] for result in results if name in result.figures]
    return median(found) if found else 0.0


def ratios(table: dict[str, dict[str, list[Result]]]) -> dict[tuple[str, str], float]:
    """Our rate over each peer's, per case: what must settle."""
    found = {}
    for case, peers in table.items():
        mine = median_of(peers.get(OURS, []), "per_second")
        for name, results in peers.items():
            theirs = median_of(results, "per_second")
            if mine and theirs and name not in (OURS, "direct"):
                found[case, name] = mine / theirs
    return found


def write(
    folder: Path,
    table: dict[str, dict[str, list[Result]]],
    memory: dict[str, float],
    left_out: list[str],
    found: list[Peer],
) -> None:
    """bench.csv (every round), bench.md (medians), bench.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bench.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "peer", "round", "figure", "value"])
        for case, peers in table.items():
            for name, results in peers.items():
                for number, result in enumerate(results, start=1):
                    writer.writerows([case, name, number, key, f"{value:.6g}"] for key, value in result.figures.items())
    text = markdown(table, memory, left_out, found)
    (folder / "bench.md").write_text(text)
    (folder / "bench.svg").write_text(chart(table))
    print("\n" + text + f"\nwritten to {folder}")


def markdown(
    table: dict[str, dict[str, list[Result]]], memory: dict[str, float], left_out: list[str], found: list[Peer]
) -> str:
    """The table of medians; the last column is a peer's rate over ours."""
    out = [f"{time.strftime('%Y-%m-%d')}, {machine()}. Medians over the rounds of one run.", ""]
    for case, peers in table.items():
        kind = case.partition("-")[0]
        head, row = (_PLAIN, _plain) if kind == "plain" else (_STREAM, _stream)
        out += [f"**{case}**", "", head, "|---" * (head.count("|") - 1) + "|"]
        mine, direct = median_of(peers.get(OURS, []), "per_second"), peers.get("direct", [])
        for name, results in peers.items():
            if results and median_of(results, "per_second"):
                ratio = median_of(results, "per_second") / mine if mine else 0.0
                out.append(row(name, results, direct, ratio))
        out.append("")
    out += ["| memory after all of it (MB) | start (s) | |", "|---|---|---|"]
    out += [f"| {memory[peer.name]:.0f} | {peer.started_seconds:.2f} | {peer.name} |" for peer in found if peer.running]
    out += ["", *(f"Left out: {line}" for line in left_out)]
    return "\n".join(out) + "\n"


_PLAIN = "| peer | requests/s | added p50 ms | added p95 ms | added p99 ms | CPU µs per request | errors | × ours |"
_STREAM = (
    "| peer | chunks/s | first token p50 ms | first token p99 ms | streams late | of a core | CPU µs per chunk | errors"
    " | × ours |"
)


def _plain(name: str, results: list[Result], direct: list[Result], ratio: float) -> str:
    added = [median_of(results, f"p{share}_ms") - median_of(direct, f"p{share}_ms") for share in (50, 95, 99)]
    if name == "direct":
        added = [median_of(results, f"p{share}_ms") for share in (50, 95, 99)]
    spent = " | ".join(f"{value:.2f}" for value in added)
    return (
        f"| {name} | {median_of(results, 'per_second'):,.0f} | {spent} | {median_of(results, 'cpu_us'):.0f}"
        f" | {median_of(results, 'errors'):.0f} | {ratio:.2f} |"
    )


def _stream(name: str, results: list[Result], direct: list[Result], ratio: float) -> str:
    share = f"{median_of(results, 'core_share'):.0%}" if results[0].figures.get("core_share") else "–"
    late = f"{median_of(results, 'late'):.0f}" if "late" in results[0].figures else "–"
    return (
        f"| {name} | {median_of(results, 'per_second'):,.0f} | {median_of(results, 'first_p50_ms'):.1f}"
        f" | {median_of(results, 'first_p99_ms'):.1f} | {late} | {share} | {median_of(results, 'cpu_us'):.1f}"
        f" | {median_of(results, 'errors'):.0f} | {ratio:.2f} |"
    )


def chart(table: dict[str, dict[str, list[Result]]]) -> str:
    """One group of bars per case: each peer's rate as a share of the fastest of the case."""
    rows, y = [], 10
    for case, peers in table.items():
        rates = {name: median_of(results, "per_second") for name, results in peers.items()}
        rates = {name: rate for name, rate in rates.items() if rate}
        most = max(rates.values(), default=1.0)
        rows.append(f'<text x="10" y="{y + 12}" font-weight="bold">{case}, per second</text>')
        y += 20
        for name, rate in rates.items():
            colour = "#2563eb" if name.startswith(OURS) else "#9ca3af"
            rows.append(f'<text x="170" y="{y + 11}" text-anchor="end">{name}</text>')
            rows.append(
                f'<rect x="180" y="{y}" width="{max(1.0, 420 * rate / most):.0f}" height="14" fill="{colour}"/>'
            )
            rows.append(f'<text x="{190 + 420 * rate / most:.0f}" y="{y + 11}">{rate:,.0f}</text>')
            y += 18
        y += 10
    style = 'font-family="sans-serif" font-size="12"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{y}" {style}>\n' + "\n".join(rows) + "\n</svg>\n"
    )
