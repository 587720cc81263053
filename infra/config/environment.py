"""The environment: .env beside the file, the two secrets, and whether they may face a network."""

import ipaddress
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from infra.config.faults import ConfigError
from infra.config.objects import Secrets

SECRET_LENGTH_MIN = 8
"""Characters; a shorter one can be tried out over a network."""
_MAKE = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


def read_env(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with `folder`/.env under it: what is set already wins.

    Quotes, inline comments, `export`, several lines and ${OTHER} as python-dotenv reads them; a name without `=` is
    nothing. Raises ConfigError where the file cannot be read.
    """
    path = folder / ".env"
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return dict(environ)
    except OSError as wrong:
        raise ConfigError(f"{path} cannot be read: {wrong.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8: save it as UTF-8") from None
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise ConfigError(f"{path}:{binding.original.line}: not NAME=value")
        if binding.key and binding.value is not None:
            known = {**found, **environ}
            found[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
    return {**found, **environ}


def secrets(environ: Mapping[str, str]) -> Secrets:
    """SECRET_KEY and MASTER_API_KEY; raises ConfigError naming every one that is missing or cannot be sent."""
    missing = [name for name in ("SECRET_KEY", "MASTER_API_KEY") if not environ.get(name, "").strip()]
    if missing:
        are = "are" if len(missing) > 1 else "is"
        raise ConfigError(f"{' and '.join(missing)} {are} not set: put a long random text into .env; {_MAKE}")
    master = environ["MASTER_API_KEY"].strip()
    if not re.fullmatch(r"[!-~]+", master):
        raise ConfigError("MASTER_API_KEY travels in a header: it can have printable ASCII characters only, no spaces")
    return Secrets(secret_key=environ["SECRET_KEY"].strip(), master_api_key=master)


_KNOWN_WORD = re.compile(
    "a|aethergate|admin|and|api|apikey|at|bar|be|bytes|change|changeme|changethis|characters|default|demo|dev|example|"
    "foo|for|gateway|generate|generated|hex|here|in|insert|it|jwt|key|least|litellm|local|long|master|masterkey|me|"
    "minimum|must|my|of|or|pass|passwd|password|placeholder|please|prod|production|put|random|replace|replaceme|"
    "secret|secretkey|secure|session|signing|sk|some|string|strong|super|supersecret|test|testing|the|this|to|token|"
    "use|value|very|with|x+|your|yours"
)
"""What example files make their secrets of."""


def placeholders(found: Secrets) -> tuple[str, ...]:
    """The names of those secrets that everybody knows (change-me, sk-master-key, your-secret-key…) or can guess."""
    values = (("SECRET_KEY", found.secret_key), ("MASTER_API_KEY", found.master_api_key))
    return tuple(name for name, value in values if _guessable(value))


def _guessable(value: str) -> bool:
    words, digits = re.findall("[a-z]+", value.lower()), re.findall("[0-9]", value)
    known = all(map(_KNOWN_WORD.fullmatch, words)) and len(digits) < 8
    return known or len(value) < SECRET_LENGTH_MIN or len(set(value)) < 5


def is_loopback(host: str) -> bool:
    """Whether an address to bind is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_exposure(host: str, found: Secrets) -> None:
    """Raises ConfigError where placeholder secrets would face a network (docs/design.md, Configuration)."""
    known = placeholders(found)
    if known and not is_loopback(host):
        raise ConfigError(
            f"{' and '.join(known)} can be guessed: on {host} others could take the gateway over. "
            f"Put a long random text into .env ({_MAKE}), or bind 127.0.0.1"
        )
