"""A database with a long past: 10,000 users, 100,000 keys and 1,000,000 requests, filled once below .bench and kept."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from infra.config.urls import database_url
from infra.demo.aftermath import tidied
from infra.store.database import Store

ROOT = Path(__file__).parents[2]
USERS, KEYS, REQUESTS = 10_000, 100_000, 1_000_000
YAML = """
gateway: {{database: "{database}"}}
backends: {{box: {{adapter: openai, url: "http://127.0.0.1:9"}}}}
models: {{stand-in: {{backend: box/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}}}}}
endpoints: [{{routes: [GET /health/ready], function: functions.health, access: open}}]
"""
_COLUMNS = "user_id, name, secret_hmac, prefix, active, owner, limits_json, models_json, expires_us, created_us"
_MORE_KEYS = f"""
INSERT INTO keys (id, {_COLUMNS})
SELECT keys.id || '-' || copies.number, {_COLUMNS} FROM keys CROSS JOIN (
  WITH RECURSIVE counted (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < 99)
  SELECT number FROM counted
) AS copies ORDER BY copies.number LIMIT {{count}}
"""
"""Copies of those that are there, under ids of their own."""


def fill(database: str, folder: Path) -> None:
    """Takes some minutes, once; raises RuntimeError."""
    stamp = folder / "filled"
    if stamp.exists():
        return
    (folder / "gateway.yaml").write_text(YAML.format(database=database))
    print(f"filling {database.partition(':')[0]} with {REQUESTS:,} requests, once …", flush=True)
    command = [sys.executable, "-m", "admin_cli", "demo-data", "--users", str(USERS), "--requests", str(REQUESTS)]
    env = {**os.environ, "AETHERGATE_CONFIG": str(folder / "gateway.yaml"), "PYTHONPATH": str(ROOT)}
    env |= {"SECRET_KEY": "bench-secret-key-0123456789abcdef", "MASTER_API_KEY": "bench-admin-key-0123456789abcdef"}
    if subprocess.run(command, env=env, cwd=folder).returncode:
        raise RuntimeError("demo-data failed, see above")
    asyncio.run(_more_keys(database))
    stamp.touch()


async def _more_keys(database: str) -> None:
    store = Store(database_url(database))
    await store.open()
    try:
        (row,) = await store.rows("SELECT COUNT(*) AS count FROM keys")
        await store.rows(_MORE_KEYS.format(count=max(0, KEYS - row["count"])))
        await tidied(store)
        if store.dialect == "postgres":
            await store.rows("CHECKPOINT")  # else it writes all that was filled while the first cases are measured
    finally:
        await store.close()
