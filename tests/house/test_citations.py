"""A page that is cited is in this repository, and has the heading that is named.

Comments once cited papers that only their authors had. They are cited as `docs/ledger.md, What is billed`, on one line.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT

PAGES = {path.relative_to(ROOT).as_posix(): path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]}
INSIDE = (
    "docs/design.md",
    "docs/ledger.md",
    "docs/backends.md",
    "docs/libraries.md",
    "docs/routing.md",
    "docs/figures.md",
)
"""Pages for whoever reads the code: cited there with a heading."""
SUFFIXES = {".py", ".sql", ".md", ".yaml", ".toml", ".sh", ".css"}
CITED = re.compile(r"(?<![\w/.-])((?:docs/[\w-]+|[A-Z][A-Z_]+)\.md)(?:`?, (?=(\S.*)))?")
OTHERS = ("infra/backends/ollama/__init__.py", "infra/backends/fields.py", "tests/standins/ollama.py")
"""They cite docs/api.md of ollama/ollama."""


def headings(page: Path) -> set[str]:
    return {found[1] for found in re.finditer(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


HEADINGS = {name: headings(page) for name, page in PAGES.items()}


def files() -> Iterator[Path]:
    """Everything that people read but this file, which has wrong citations to try the rule with."""
    for folder in (*ROOMS, "tests", "docs"):
        found = (path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
        yield from (path for path in found if path != Path(__file__))
    yield from (path for path in ROOT.iterdir() if path.suffix in SUFFIXES or path.name in ("Makefile", ".env.example"))


def citations(text: str) -> Iterator[tuple[str, str]]:
    """Each page that is named, with what follows it after a comma."""
    yield from ((found[1], found[2] or "") for found in CITED.finditer(text))


def faults(name: str, text: str) -> list[str]:
    """What is wrong with the citations of a file."""
    found = []
    for page, rest in citations(text):
        if page not in PAGES:
            if not (page == "docs/api.md" and name in OTHERS):
                found.append(f"{name}: there is no {page}")
            continue
        named = rest.startswith(tuple(HEADINGS[page]))
        wanted = page in INSIDE and not name.endswith(".md")
        if not named and (wanted or rest[:1].isupper()):
            found.append(f"{name}: {page} has no heading {rest[:40]!r}")
    return found


def test_every_page_and_heading_that_is_cited_exists() -> None:
    found = [fault for path in files() for fault in faults(path.relative_to(ROOT).as_posix(), path.read_text())]
    assert found == []


@pytest.mark.parametrize("page", [*INSIDE, "docs/own-function.md"])
def test_the_readme_leads_to_every_page(page: str) -> None:
    assert page in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", INSIDE)
def test_a_page_for_readers_of_the_code_stays_short(page: str) -> None:
    assert len(PAGES[page].read_text().splitlines()) <= 120


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("(docs/ledger.md, What is billed)", False),
        ("(docs/ledger.md, What was billed)", True),
        ("(docs/ledger.md)", True),
        ("see PAPER.md", True),
        ("see docs/paper.md, Audit", True),
        ("API_REFERENCE.md shows every answer", False),
    ],
)
def test_the_rule_tells_right_from_wrong(text: str, wrong: bool) -> None:
    assert bool(faults("infra/some.py", text)) == wrong
