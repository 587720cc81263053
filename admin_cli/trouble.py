"""What goes wrong, in one sentence on stderr, and the exit code that goes with it: 1 refused or failed, 2 usage."""

import os
import sys
from typing import NoReturn

from admin_cli.grammar import UsageError

DEBUG = "AETHERGATE_DEBUG"
FAILED, USAGE, INTERRUPTED = 1, 2, 130


class Refusal(Exception):
    """The command cannot be done; str() is a sentence for the owner."""


def tell(sentence: str) -> None:
    """A line for the owner on stderr, with nothing in it that could steer a terminal."""
    shown = "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in sentence)
    sys.stderr.write(f"{shown.rstrip()}\n")


def end(error: BaseException) -> NoReturn:
    """Says what went wrong and leaves with its exit code."""
    if os.environ.get(DEBUG):
        raise error
    if isinstance(error, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    if isinstance(error, BrokenPipeError):
        # Whoever read us has left (`aethergate users | head`); the interpreter must not complain at its exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    if isinstance(error, UsageError):
        tell(_usage(error))
        sys.exit(USAGE)
    tell(f"aethergate: {sentence(error)}")
    sys.exit(FAILED)


def _usage(error: Exception) -> str:
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "aethergate"
    message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    return f"{path}: {message}{'' if message.endswith('?') else '.'} See `{path} --help`."


def sentence(error: BaseException) -> str:
    """What a person can do something about, said without a class's name; the rest with it."""
    name = f"{type(error).__module__}.{type(error).__name__}"
    if isinstance(error, Refusal) or name in _OWN_WORDS:
        return str(error)
    if isinstance(error, UnicodeEncodeError):
        return "what was typed is not valid UTF-8"
    if isinstance(error, OSError):
        about = f": {error.filename}" if error.filename else ""
        return f"the database or a file is not available: {error.strerror or error}{about}"
    if name.startswith(("asyncpg.", "tortoise.", "sqlite3.", "pysqlite3.")):
        return f"the database is not available: {error}"
    return f"something unforeseen happened ({type(error).__name__}: {error}); {DEBUG}=1 shows where"


_OWN_WORDS = {
    "infra.client.door.ApiError",
    "infra.client.door.Unreachable",
    "infra.config.faults.ConfigError",
    "infra.config.faults.ManifestFaults",
    "infra.demo.scratch.DemoRefused",
    "infra.runtime.listener.CannotListen",
    "infra.runtime.lock.DatabaseLocked",
    "infra.runtime.workers.WorkersFailed",
    "infra.store.archive.BackupRefused",
    "infra.store.migrate.SchemaTooNew",
}
"""Their messages are written for the owner; by name, since importing them all would be slow."""
