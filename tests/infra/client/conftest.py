"""The client on a gateway in the same process, with the gateway.yaml that we ship."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.client import AdminClient
from infra.config.loader import load
from infra.runtime.gateway import Gateway
from tests.standins.running import ADMIN_KEY, SECRETS

SHIPPED = Path(__file__).parents[3] / "gateway.yaml"


@pytest.fixture
async def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AdminClient]:
    path = tmp_path / "gateway.yaml"
    path.write_text(SHIPPED.read_text().replace("if_no_other", "never"))  # no model is loaded for these
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/aethergate.db")
    gateway = Gateway.create(load(path, os.environ), SECRETS)
    await gateway.start()
    try:
        door = httpx.ASGITransport(app=gateway.app)  # type: ignore[arg-type]
        async with AdminClient(token=ADMIN_KEY, transport=door) as found:
            yield found
    finally:
        await gateway.stop()
