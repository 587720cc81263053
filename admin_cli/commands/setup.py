"""The first command on a machine, and which version this is."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

import typer

from admin_cli import output, place
from admin_cli.grammar import ConfigFile, Json, command
from admin_cli.trouble import Refusal

ENV = """# Written by `aethergate init`: keep it to yourself. The environment wins over this file.

SECRET_KEY="{secret_key}"   # pepper of the API keys and signer of admin sessions: changing it voids all keys
MASTER_API_KEY="{master_api_key}"   # the owner's key: sent as x-admin-key, and what the control room asks for

# DATABASE_URL="sqlite+aiosqlite:///./aethergate.db"      # or postgresql://user:password@host/name
# OLLAMA_API_BASE="http://127.0.0.1:11434"
"""


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    command(app, "Begin", "init", "aethergate init")(init)
    command(app, "Begin", "version", "aethergate version")(version)


def init(json: Json = False, config: ConfigFile = None) -> None:
    """Make what is missing: .env with secrets of its own, gateway.yaml, the database. Nothing is overwritten."""
    path = Path(config or os.environ.get("AETHERGATE_CONFIG") or "gateway.yaml")
    made_manifest = _make_manifest(path)
    made_env = _make_env(path.resolve().parent / ".env")
    here = place.find(str(path))
    manifest = here.manifest()
    here.secrets()
    steps = _migrate(manifest)
    found = {"manifest": str(path), "manifest_made": made_manifest, "env": str(here.folder / ".env")}
    found |= {"env_made": made_env, "database": str(place.database(manifest)), "migrations": steps or []}
    if json:
        output.json(found)
        return
    output.line(f"{path}: {'written, with comments that explain it' if made_manifest else 'kept as it is'}")
    output.line(f".env: {'written, with secrets of its own' if made_env else 'kept as it is'}")
    output.line(f"{found['database']}: {_said(steps)}")


def _said(steps: list[str] | None) -> str:
    if steps is None:
        return "in use by a running gateway"
    return f"migrated ({', '.join(steps)})" if steps else "up to date"


def _make_manifest(path: Path) -> bool:
    if path.exists():
        return False
    import infra.config

    packaged = Path(infra.config.__file__).with_name("gateway.yaml")
    if not packaged.is_file():  # an editable install has it where it is edited: at the top of the repository
        packaged = packaged.parents[2] / "gateway.yaml"
    if not packaged.is_file():
        raise Refusal(f"{path} is not there, and this installation brings no example to copy")
    with path.open("xb") as file:
        file.write(packaged.read_bytes())
    return True


def _make_env(path: Path) -> bool:
    """Only where there is none, readable by its owner alone from its first moment on."""
    if all(os.environ.get(name) for name in ("SECRET_KEY", "MASTER_API_KEY")):
        return False  # a container has them from outside
    text = ENV.format(secret_key=secrets.token_urlsafe(48), master_api_key=f"sk-admin-{secrets.token_urlsafe(32)}")
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(opened, "w") as file:
        file.write(text)
    return True


def _migrate(manifest: Any) -> list[str] | None:
    """The steps taken; None where a running gateway has the database and has migrated it."""
    from infra.runtime.lock import DatabaseLock

    database = place.database(manifest)
    lock = DatabaseLock(database.path) if database.dialect == "sqlite" else None
    if lock is not None and lock.holder():
        return None

    from infra.store.database import Store

    if lock is not None:
        lock.acquire(None)
    try:
        return asyncio.run(Store(database).migrate())
    finally:
        if lock is not None:
            lock.release()


def version(json: Json = False) -> None:
    """Show the version of AetherGate."""
    found = _version()
    if json:
        output.json({"version": found})
    else:
        output.line(f"aethergate {found}")


def _version() -> str:
    """Of the installed package; in a checkout that was not installed, what pyproject.toml says."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("aethergate")
    except PackageNotFoundError:
        import tomllib

        text = Path(__file__).parents[2].joinpath("pyproject.toml").read_text()
        return str(tomllib.loads(text)["project"]["version"])


def show_version(wanted: bool) -> None:
    """`aethergate --version`."""
    if wanted:
        version()
        raise typer.Exit
