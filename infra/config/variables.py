"""${VAR} and ${VAR:-default} inside values, as the shell and compose files read them."""

import re
from collections.abc import Mapping

VARIABLE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}"
"""What counts as a variable, for the JSON Schema too."""
_ANY = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-([^{]*))?")


def expand(text: str, environ: Mapping[str, str]) -> str:
    """The text with its variables replaced; the default also stands in for an empty one; `$${` is a plain `${`.

    Raises ValueError for an unset variable without default and for anything else that begins with `${`.
    """
    return _ANY.sub(lambda match: _value(match, environ), text)


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    whole = match[0]
    if whole == "$${":
        return "${"
    found = _NAME.fullmatch(match[1]) if whole.endswith("}") else None
    if found is None:
        raise ValueError(f'"{whole}" is not a variable: write ${{NAME}} or ${{NAME:-default}}')
    name, has_default, default = found[1], found[2], found[3]
    value = environ.get(name)
    if has_default is not None:
        return value or default or ""
    if value is None:
        raise ValueError(f"${{{name}}} is not set: set it in the environment or .env, or write ${{{name}:-default}}")
    return value
