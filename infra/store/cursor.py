"""Where a page of a list ended, in a form that callers only hand back: the id of its last row, and its time or whatever
else the list is ordered by."""

import base64
import binascii
from typing import TypeVar

import msgspec

from infra.errors import BadRequest
from infra.store.clock import SECOND_US

T = TypeVar("T", int, str)
Cursor = tuple[int, str]
"""Microseconds since 1970 and an id: what lists are ordered by."""
_TIME_MAX_US = 100_000_000_000 * SECOND_US
_ID_MAX, _TEXT_MAX = 100, 200


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


def write_place(order: str, value: int | str, id: str) -> str:
    """The same for a list in an `order` of the caller's choice, by the value that its last row has in it."""
    return base64.urlsafe_b64encode(msgspec.json.encode((order, value, id))).decode().rstrip("=")


def read_place(order: str, text: str | None, kind: type[T]) -> tuple[T, str] | None:
    """What `write_place` wrote for this order; None for no cursor. Raises BadRequest, also for another order's."""
    if text is None:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        said, value, id = msgspec.json.decode(raw, type=tuple[str, kind, str])  # type: ignore[valid-type]
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _not_ours() from None
    # What no database could be asked for: NUL, and a number of more than 64 bits.
    sound = -(2**63) <= value < 2**63 if isinstance(value, int) else "\0" not in value and len(value) <= _TEXT_MAX
    if said != order or not sound or not 0 < len(id) <= _ID_MAX or not id.isprintable():
        raise _not_ours()
    return value, id


def _not_ours() -> BadRequest:
    return BadRequest("cursor is not one that this list gave: take `next` of the page before.", param="cursor")
