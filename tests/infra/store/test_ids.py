"""Ids: each of its own, in the order of time, with letters that nobody can guess."""

import re
import subprocess
import sys
from collections import Counter

from infra.store import ids


def test_an_id_is_its_prefix_eight_digits_of_time_and_twelve_of_chance() -> None:
    made = [ids.new("req") for _ in range(2_000)]
    assert all(re.fullmatch(r"req_[0-9A-Za-z]{20}", id) for id in made)
    assert len(set(made)) == len(made)
    moments = [id[4:12] for id in made]
    assert moments == sorted(moments)


def test_every_letter_is_as_likely_as_any_other() -> None:
    """By chi squared with 61 degrees of freedom: above 130 comes once in a million runs."""
    counts = Counter("".join(ids.new("x")[-12:] for _ in range(20_000)))
    each = 12 * 20_000 / 62
    assert len(counts) == 62
    assert sum((count - each) ** 2 / each for count in counts.values()) < 130


FORKS = """
import os, sys
from infra.store import ids
ids.new("x")
reading, writing = os.pipe()
if not os.fork():
    os.write(writing, ids.new("x")[-12:].encode())
    os._exit(0)
os.wait()
print(os.read(reading, 12).decode(), ids.new("x")[-12:])
"""


def test_a_forked_child_does_not_go_on_with_what_its_parent_has_drawn() -> None:
    said = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True).stdout
    child, parent = said.split()
    assert child != parent
