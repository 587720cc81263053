"""Where a page of a list ended: the time and the id of its last row, in a form that callers only hand back."""

import base64
import binascii

from infra.errors import BadRequest
from infra.store.clock import SECOND_US

Cursor = tuple[int, str]
"""Microseconds since 1970 and an id: what lists are ordered by."""
_TIME_MAX_US = 100_000_000_000 * SECOND_US
_ID_MAX = 100


def write_cursor(at_us: int, id: str) -> str:
    """The cursor as callers see it."""
    return base64.urlsafe_b64encode(f"{at_us}:{id}".encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> Cursor | None:
    """What `write_cursor` wrote; None for no cursor. Raises BadRequest."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise _not_ours() from None
    at, colon, id = raw.partition(":")
    if not colon or not at.isdecimal() or len(at) > 18 or int(at) > _TIME_MAX_US or not 0 < len(id) <= _ID_MAX:
        raise _not_ours()
    if not id.isprintable():
        raise _not_ours()
    return int(at), id


def _not_ours() -> BadRequest:
    return BadRequest("cursor is not one that this list gave: take `next` of the page before.", param="cursor")
