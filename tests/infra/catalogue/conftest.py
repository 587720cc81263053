"""A catalogue on an empty database of either kind, and the files that it loads."""

from collections.abc import AsyncIterator

import pytest

from infra.catalogue.catalogue import Catalogue
from infra.config.objects import Endpoint, Manifest, Target
from infra.config.urls import database_url
from infra.store.database import Store
from tests.infra.config.files import manifest

BOX = (Target("box", "m"),)


def sells(models: str, endpoints: str = "") -> Manifest:
    """A gateway.yaml with these models, one a line, and chat, embeddings and further endpoints."""
    return manifest(
        "backends:\n  box: {adapter: openai, url: 'http://127.0.0.1:9'}\n  den: {adapter: openai, url: 'http://h'}\n"
        "models:\n" + "".join(f"  {line}\n" for line in models.splitlines()) + "endpoints:\n"
        "  - {routes: [POST /v1/chat/completions], function: functions.chat_completions}\n"
        "  - {routes: [POST /v1/embeddings], function: functions.embeddings}\n"
        + "".join(f"  {line}\n" for line in endpoints.splitlines())
    )


def model(name: str, price: str = "{input: 1.00/1M, output: 2.00/1M}", more: str = "") -> str:
    """One line of `models`."""
    return f"{name}: {{backend: box/{name}, price: {price}{more}}}"


def at(manifest: Manifest, name: str) -> Endpoint:
    """The endpoint of that name."""
    return next(endpoint for endpoint in manifest.endpoints if endpoint.name == name)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    found = Store(database_url(database))
    await found.open()
    yield found
    await found.close()


@pytest.fixture
def catalogue(store: Store) -> Catalogue:
    return Catalogue(store)
