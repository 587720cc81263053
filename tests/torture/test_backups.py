"""`aethergate backup` beside gateways under load: what it wrote restores to books that add up."""

import asyncio
import itertools
import sys
from pathlib import Path

import pytest

from infra.config.urls import database_url
from infra.store.restore import restore
from tests.infra.store import safes
from tests.standins.running import SECRETS
from tests.standins.served import REPOSITORY
from tests.torture.cluster import FULL, Cluster
from tests.torture.load import Load, compare, new_key

BACKUPS = 5 if FULL else 2


async def test_backups_under_load_restore_to_clean_books(
    gates: Cluster, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    gates.backend.script(pieces=20, delay=0.01)
    await gates.start()
    load = Load(gates, await new_key(gates), width=50 if FULL else 20)
    load.start()
    files = [tmp_path / f"{number}.backup" for number in range(BACKUPS)]
    for file in files:
        await asyncio.sleep(1)
        await _command(gates, "backup", str(file))
    await load.stop()
    await gates.resolved(5)
    await compare(gates, load)
    counts, open_requests = [], 0
    for file in files:
        other = safes.fresh(request, tmp_path, database_url(gates.database).dialect)
        restored = await restore(database_url(other), file)
        report = await safes.proved(other)
        assert report.held_total == 0
        counts.append(report.requests)
        open_requests += restored.recovered
    print(f"\n{gates.kind}: requests in each backup {counts}, {open_requests} of them were running")
    assert all(earlier < later for earlier, later in itertools.pairwise(counts))
    assert open_requests > 0, "they were taken under load"


async def _command(gates: Cluster, *words: str) -> None:
    """The command as its user types it beside a gateway.yaml."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "admin_cli", *words),
        cwd=gates.folder / "start-1",
        env={
            "PYTHONPATH": str(REPOSITORY),
            "SECRET_KEY": SECRETS.secret_key,
            "MASTER_API_KEY": SECRETS.master_api_key,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await command.communicate()
    assert command.returncode == 0, said.decode()
