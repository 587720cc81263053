"""What the built-in functions need: it stands here because the loader may not import them
(docs/design.md, Rooms and doors).

An owner's own function is not known here: what it needs is found when the runtime loads it, and the catalogue refuses a
model without that price there. A function's own `Reading.meters` must say the same as METERS.
"""

from collections.abc import Mapping

METERS: Mapping[str, tuple[str, ...]] = {
    "functions.chat_completions": ("input", "output"),
    "functions.completions": ("input", "output"),
    "functions.embeddings": ("input",),
}
"""Meters that a model needs a price for, by the function's dotted name."""

KEY_ONLY = frozenset({*METERS, "functions.models", "functions.account"})
"""Functions that answer one caller about or from their own account."""


def access_needed(function: str, paths: tuple[str, ...]) -> tuple[str, str] | None:
    """The only access that is safe for this endpoint and why, or None where the owner chooses."""
    if function.startswith("functions.admin_"):
        return "admin", f"{function} is a part of the admin API"
    if any(path == "/admin" or path.startswith("/admin/") for path in paths):
        return "admin", "routes under /admin belong to the admin API"
    if function in KEY_ONLY:
        return "key", f"{function} needs to know whose request it is"
    return None
