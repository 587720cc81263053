"""Fixtures that every test folder may use."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.standins.databases import database
from tests.standins.llama import Llama, start_llama
from tests.standins.postgres import postgres_server, postgres_url

__all__ = ["database", "llama", "postgres_server", "postgres_url"]

# A busy machine is no fault of the code: examples have no deadline of their own.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one more than there are cores, since most tests wait for processes; each worker has a PostgreSQL and a
    model of its own, so not without end."""
    return min((os.cpu_count() or 1) + 1, 6)


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    """A real llama.cpp server with SmolLM2-135M: 4 slots of 2048 tokens, chat and embeddings."""
    server = start_llama()
    yield server
    server.stop()
