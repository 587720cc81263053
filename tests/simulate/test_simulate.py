"""The money core, the writer, the spool and the pulse under hundreds of seeded disasters."""

import contextlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from infra.ledger import core, ledger
from infra.ledger.books import Books
from infra.ledger.operations import Hold
from infra.ledger.writer import Writer
from tests.simulate.__main__ import attempts
from tests.simulate.proof import Broken
from tests.simulate.seeds import FOUND
from tests.simulate.story import Told, simulate

SEEDS = 240


def test_every_invariant_holds_on_every_seed() -> None:
    told = list(attempts(range(SEEDS), 2))
    assert [each for each in told if isinstance(each, str)] == []
    good = [each for each in told if isinstance(each, Told)]
    assert len(good) == SEEDS
    assert sum(each.deaths for each in good) > SEEDS
    assert sum(each.finished for each in good) > 10 * SEEDS


@pytest.mark.parametrize("seed", FOUND)
def test_what_once_broke_holds(seed: int) -> None:
    simulate(seed)


def test_a_seed_always_takes_the_same_way() -> None:
    assert simulate(7) == simulate(7)


async def _believed(self: Writer) -> bool:
    return True


def _emptied(self: Writer) -> None:
    if self._spool is not None and self._spool.used:
        self._spool.empty()


_end = core._end
_hold = core.apply.registry[Hold]


def _held_anew(operation: Hold, books: Books) -> Any:
    books.requests.pop(operation.draft.id, None)
    return _hold(operation, books)


def _dearer(final: Any, amount: int, books: Books) -> Any:
    return _end(final, amount + 1 if amount else 0, books)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: mock.patch.object(Writer, "_spool_bills", _believed),
        lambda: mock.patch.object(Writer, "_empty_spool", _emptied),
        lambda: mock.patch.object(ledger, "leftovers", lambda *_: iter(())),
        lambda: mock.patch.object(core, "_end", _dearer),
        lambda: contextlib.nullcontext(),
    ],
    ids=["no spool", "spool emptied too early", "heritage not posted", "a nano too much", "sound"],
)
def test_what_is_broken_on_purpose_is_found(broken: Callable[[], Any], request: pytest.FixtureRequest) -> None:
    """The simulator itself is proved: without the rule some seed breaks, with it none does."""
    found = 0
    with broken():
        for seed in range(60):
            try:
                simulate(seed)
            except Broken:
                found += 1
            if found or ("sound" in request.node.name and seed > 5):
                break
    assert bool(found) is ("sound" not in request.node.name)


def test_a_hold_that_is_taken_twice_is_found() -> None:
    core.apply.register(Hold, _held_anew)
    try:
        with pytest.raises(Broken):
            for seed in range(30):
                simulate(seed)
    finally:
        core.apply.register(Hold, _hold)
