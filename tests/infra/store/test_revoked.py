"""Nothing that was revoked since a backup comes back with it."""

from pathlib import Path

import pytest

from infra.config.urls import database_url
from infra.store.backup import backup
from infra.store.closed import closed_file
from infra.store.models import Key, User
from infra.store.restore import restore
from tests.infra.store import safes


async def test_what_was_switched_off_since_the_backup_stays_off(database: str, tmp_path: Path) -> None:
    url, file = database_url(database), tmp_path / "early.backup"
    async with safes.opened(database) as store, safes.books(store) as (ledger, identity):
        ada, bob = await safes.user(ledger), await safes.user(ledger, "bob")
        made = [(await identity.keys.mint(ada, name))[0] for name in ("kept", "revoked", "rotated", "off")]
        await backup(url, file)
        await identity.keys.revoke(made[1].id)
        await identity.keys.rotate(made[2].id, grace_seconds=60)
        await identity.keys.change(made[3].id, active=False)
        await identity.users.change(bob, active=False)
        ends = {key.name: key.expires_us for key in await Key.filter(id__in=[each.id for each in made])}
    closed_file(url).unlink()  # the database that is replaced must be enough
    restored = await restore(url, file)
    assert restored.swapped is not None and restored.swapped.closed == 4
    async with safes.opened(database):
        assert {key.name: key.active for key in await Key.all()} == {
            "kept": True,
            "revoked": False,
            "rotated": True,
            "off": False,
        }
        found = {key.name: key.expires_us for key in await Key.all()}
        assert found == {"kept": None, "revoked": ends["revoked"], "rotated": ends["rotated"], "off": None}
        assert ends["rotated"] is not None
        assert {each.name: each.active for each in await User.all()} == {"ada": True, "bob": False}


async def test_revocations_outlive_the_loss_of_the_database(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, file = database_url(database), tmp_path / "early.backup"
    async with safes.opened(database) as store, safes.books(store) as (ledger, identity):
        ada = await safes.user(ledger)
        one, two = [(await identity.keys.mint(ada, name))[0] for name in ("one", "two")]
        await backup(url, file)
        await identity.keys.revoke(one.id)
        await identity.keys.change(two.id, active=False)
        await identity.keys.change(two.id, active=True)
        await identity.users.change(ada, active=False)
        await identity.users.change(ada, active=True)
    other = safes.fresh(request, tmp_path, url.dialect)
    with closed_file(url).open("ab") as lines:
        lines.write(b'\n{"kind":"key","id":"torn')  # the process died while it wrote
    restored = await restore(database_url(other), file, revoked=[closed_file(url)])
    assert restored.swapped is not None and (restored.swapped.kept, restored.swapped.closed) == (None, 1)
    async with safes.opened(other):
        assert {key.name: key.active for key in await Key.all()} == {"one": False, "two": True}
        assert (await User.get()).active
