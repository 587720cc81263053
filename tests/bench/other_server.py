"""The gateway's ASGI app on another server than its own, only to be measured: `python -m tests.bench.other_server
uvicorn|granian PORT`. It lacks what the gateway's own listener does: deadlines, bounded headers, a drain."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from infra.config import environment, loader
from infra.runtime import loop
from infra.runtime.gateway import Gateway
from infra.runtime.serve import still_heap
from infra.telemetry.lines import log_to_stderr

HOST = "127.0.0.1"


async def serve(server: str, port: int) -> None:
    """Until SIGTERM."""
    manifest = loader.load(Path(os.environ["AETHERGATE_CONFIG"]), os.environ)
    gateway = Gateway.create(manifest, environment.secrets(os.environ))
    await gateway.start(url=f"http://{HOST}:{port}")
    still_heap()
    task = asyncio.create_task(SERVERS[server](gateway.app, port))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        await gateway.stop()


async def uvicorn(app: Any, port: int) -> None:
    """With httptools: the same parser as the gateway's own."""
    import uvicorn

    config = uvicorn.Config(app, host=HOST, port=port, http="httptools", ws="none", lifespan="off", access_log=False)
    config.log_config = None
    server = uvicorn.Server(config)
    await server.serve()


async def granian(app: Any, port: int) -> None:
    """HTTP in Rust; installed by the benchmark."""
    from granian.constants import Interfaces
    from granian.server.embed import Server

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def awaited(message: Any) -> None:
            await send(message)  # granian's own awaitables have no `send`, which coroutines have

        await app(scope, receive, awaited)

    await Server(
        wrapped, address=HOST, port=port, interface=Interfaces.ASGINL, websockets=False, log_access=False
    ).serve()


SERVERS = {"uvicorn": uvicorn, "granian": granian}

if __name__ == "__main__":
    log_to_stderr()
    loop.run(serve(sys.argv[1], int(sys.argv[2])))
