"""What users and keys may be called."""

import re
import unicodedata

from infra.errors import BadRequest

NAME_MAX = 64
WEIGHT_MAX = 1_000
_ID = re.compile(r"user_[0-9A-Za-z]{20}")
# Control characters, lone surrogates, line and paragraph separators; and what turns the direction of text.
_HIDDEN = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(name: str, param: str = "username") -> str:
    """The name itself; raises BadRequest that names the field and what is wrong with it."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_MAX:
        raise BadRequest(f"{param} must have 1 to {NAME_MAX} characters.", param=param)
    if any(unicodedata.category(letter) in _HIDDEN or letter in _TURNING for letter in name):
        raise BadRequest(f"{param} must not hold control characters.", param=param)
    if "/" in name:
        raise BadRequest(f'{param} must not hold "/".', param=param)
    if name != name.strip():
        raise BadRequest(f"{param} must not begin or end with a space.", param=param)
    if _ID.fullmatch(name):
        raise BadRequest(f"{param} must not look like a user's id.", param=param)
    return name


def check_weight(weight: int, param: str = "weight") -> int:
    """A user's weight in the queue; raises BadRequest."""
    if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= WEIGHT_MAX:
        raise BadRequest(f"{param} must be a whole number from 1 to {WEIGHT_MAX:,}.", param=param)
    return weight


def storable(text: str, most: int = 200) -> bool:
    """Whether the database can be asked for this text: NUL, lone surrogates and more letters than the column has it
    would refuse with an error."""
    return len(text) <= most and "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
