"""Places at which a test lets the process die as kill -9 would: AETHERGATE_FAILPOINT=name or name:count.

The count-th time that the named place is reached the process is gone, without a flush and without a farewell. Without
the variable `reach` is a comparison with None.
"""

import os
from collections.abc import Mapping

VARIABLE = "AETHERGATE_FAILPOINT"
EXIT_CODE = 137
"""What a shell reports for a process that was killed by SIGKILL."""
NAMES = (
    "before-commit",
    "after-commit",
    "before-hold-answer",
    "before-settle-answer",
    "in-spool",
    "after-spool",
    "before-spool-removal",
)
"""Rows written but not committed (a batch that is one statement: not sent); committed but not told; the same for the
writer's two kinds of answers; spool written but not synced; synced but not told; everything posted but the file still
there."""


class _Fuse:
    """What is left until the process dies."""

    def __init__(self, name: str, count: int) -> None:
        self.name, self.left = name, count

    def burn(self, name: str) -> None:
        """Dies at the right place."""
        if name == self.name:
            self.left -= 1
            if self.left <= 0:
                os._exit(EXIT_CODE)


def fuse(environ: Mapping[str, str]) -> _Fuse | None:
    """What the environment asks for; raises ValueError for a place that does not exist."""
    text = environ.get(VARIABLE, "")
    if not text:
        return None
    name, _, count = text.partition(":")
    if name not in NAMES or not (count or "1").isdigit():
        raise ValueError(f"{VARIABLE}={text}: say name or name:count with one of {', '.join(NAMES)}")
    return _Fuse(name, int(count or 1))


_lit = fuse(os.environ)


def reach(name: str) -> None:
    """Says that this place is reached."""
    if _lit is not None:
        _lit.burn(name)
