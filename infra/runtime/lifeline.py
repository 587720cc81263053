"""A child's life line: its standard input, which ends when the parent is gone, however it died."""

import asyncio
import os


async def until_end_of_input() -> None:
    """Waits until whoever holds the other end of our standard input is gone."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            ended.set()

    loop.add_reader(0, read)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(0)
