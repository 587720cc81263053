"""The npm `openai` package against a running gateway in front of a real llama.cpp server."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.standins.llama import Llama
from tests.standins.running import Running, running
from tests.stories.test_openai_sdk import MANIFEST, MODEL

SCRIPT = Path(__file__).parent / "npm" / "openai.mjs"


@pytest.fixture(scope="session")
def npm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "openai"]
    try:
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer")
    if done.returncode:
        pytest.skip(f"npm cannot install the openai package: {done.stderr.strip()[-200:]}")
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.fixture
async def gate(tmp_path: Path, llama: Llama) -> AsyncIterator[Running]:
    async with running(tmp_path, MANIFEST, llama=llama.url) as found:
        yield found


async def test_the_npm_package_finds_everything_it_knows(gate: Running, npm_folder: Path) -> None:
    key, poor = await gate.key(), await gate.key("poor", "0.000000001")
    process = await asyncio.create_subprocess_exec(
        "node", "openai.mjs", f"{gate.url}/v1", key, MODEL, poor,
        cwd=npm_folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, output.decode()
    assert output.decode().count("ok ") == 9
    await gate.settled()
