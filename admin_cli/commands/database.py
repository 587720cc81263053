"""The database as a whole: take it away as a file, bring it back."""

import asyncio
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from admin_cli import output, place
from admin_cli.grammar import ConfigFile, Json, command
from admin_cli.trouble import DEBUG

if TYPE_CHECKING:
    from infra.store.restore import Restored

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="As aethergate-2026-01-31.backup.")]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    examples = ("aethergate backup aethergate.backup", "aethergate backup nightly.backup --force")
    command(app, "Database", "backup", *examples)(backup)
    examples = ("aethergate restore aethergate.backup --check", "aethergate restore aethergate.backup")
    command(app, "Database", "restore", *examples)(restore)
    examples = (
        "DATABASE_URL=sqlite:///./demo.db aethergate demo-data",
        "aethergate demo-data --requests 20000 --days 7",
    )
    command(app, "Database", "demo-data", *examples)(demo_data)


def backup(
    file: BackupFile,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Write everything as it is at this moment to a file; the gateway goes on serving."""
    from infra.store.backup import backup as write

    database = place.database(place.find(config).manifest())
    found = asyncio.run(write(database, file, force=force))
    if json:
        output.json({"file": str(file), "schema": found.schema, "rows": found.rows, "sha256": found.sha256})
        return
    output.line(f"{file}: {_counted(found.rows)} of {database}.")
    output.note("SECRET_KEY is not in it: without the same one in .env no key of this backup works.")


def restore(
    file: BackupFile,
    check: Annotated[bool, typer.Option("--check", help="Only build it up and prove it; replace nothing.")] = False,
    revoked: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="More revocations, as the .revoked file of another database."),
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Put a backup in the place of the database, once its audit is clean; the old one is kept. No gateway may serve."""
    from infra.store.restore import restore as put

    if not os.environ.get(DEBUG):
        logging.disable(logging.CRITICAL)
    database = place.database(place.find(config).manifest())
    found = asyncio.run(put(database, file, check=check, revoked=revoked or []))
    if json:
        output.json(_shown(file, found))
        return
    taken = datetime.fromtimestamp(found.taken_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    output.line(f"{file}, of {taken}: {_counted(found.rows)}; everything adds up.")
    if found.recovered:
        output.line(f"{found.recovered} requests that ran at that moment were ended as far as they had come.")
    if found.swapped is None:
        output.line(f"Nothing was replaced: `aethergate restore {file}` does.")
        return
    output.line(f"{database} is this backup now; {_kept(found.swapped.kept)}.")
    if found.swapped.closed:
        output.line(f"{found.swapped.closed} keys and users that were switched off since the backup stay so.")
    if not found.swapped.readable:
        output.note("The old database could not be read: what was revoked is known from the .revoked file alone.")


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{rows.get(name, 0)} {name}" for name in ("users", "keys", "requests", "entries"))


def _kept(kept: str | None) -> str:
    return f"the old one is kept as {kept}" if kept else "there was none before"


def _shown(file: Path, found: "Restored") -> dict[str, object]:
    swapped = found.swapped
    shown: dict[str, object] = {"file": str(file), "taken_at": found.taken_us // 1_000_000, "rows": found.rows}
    shown |= {"migrations": found.migrations, "recovered": found.recovered, "replaced": swapped is not None}
    if swapped is not None:
        shown |= {"kept": swapped.kept, "switched_off": swapped.closed, "old_readable": swapped.readable}
    return shown


def demo_data(
    users: Annotated[int, typer.Option(min=1, max=100_000, help="So many users.")] = 1_000,
    requests: Annotated[int, typer.Option(min=1, max=20_000_000, help="So many requests.")] = 1_000_000,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Over so many days until now.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed makes the same traffic.")] = 1,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Fill an empty database with believable traffic, to look at; one that it filled before begins anew."""
    from infra.demo.fill import Wish, fill

    here = place.find(config)
    said = [-1]

    def say(done: int, total: int) -> None:
        percent = done * 100 // total
        if percent // 5 > said[0]:
            said[0] = percent // 5
            output.note(f"{done:,} of {total:,} requests")

    found = asyncio.run(fill(here.manifest(), here.secrets(), Wish(users, requests, days, seed), say))
    if json:
        output.json({name: getattr(found, name) for name in found.__dataclass_fields__})
        return
    output.line(
        f"{place.database(here.manifest())}: {found.users:,} users, {found.keys:,} keys, {found.requests:,} requests."
    )
    output.line(f"A key of {found.username}, to try it with: {found.key}")
