"""The control room as it is really served, in a process of its own: NiceGUI allows one per process.

python -m tests.ui.serve PORT API_URL        SIGTERM stops it
"""

import asyncio
import signal
import sys

import uvloop

from ui.app import run


async def main(port: int, api_url: str) -> None:
    """Serves on loopback until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run("127.0.0.1", port, api_url, stop)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
