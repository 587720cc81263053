"""compose.yaml and the Dockerfile, as far as they can be held to something without an engine."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.units import duration

REPOSITORY = Path(__file__).parents[3]
DOCKERFILE = (REPOSITORY / "infra/deploy/Dockerfile").read_text()
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line[:1].isupper()]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]
    return found


def test_the_engine_waits_longer_than_the_gateway_drains(services: dict[str, Any]) -> None:
    drain = yaml.safe_load((REPOSITORY / "gateway.yaml").read_text())["gateway"]["drain"]
    assert duration(services["api"]["stop_grace_period"]) > duration(drain) + 20


def test_up_starts_api_and_control_room_on_the_ports_of_the_contract(services: dict[str, Any]) -> None:
    started = {name: each for name, each in services.items() if "profiles" not in each}
    assert {name: [port.rpartition(":")[2] for port in each["ports"]] for name, each in started.items()} == {
        "api": ["8000"],
        "ui": ["8501"],
    }
    assert services["postgres"]["profiles"] == ["postgres"]


def test_the_secrets_come_from_outside_or_it_does_not_start(services: dict[str, Any]) -> None:
    api, ui = services["api"]["environment"], services["ui"]["environment"]
    assert api["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert api["MASTER_API_KEY"].startswith("${MASTER_API_KEY:?")
    assert ui["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert "MASTER_API_KEY" not in ui
    assert not re.search("SECRET_KEY=|MASTER_API_KEY=|PASSWORD", DOCKERFILE)


def test_every_service_has_a_health_check(services: dict[str, Any]) -> None:
    assert any(name == "HEALTHCHECK" for name, _ in INSTRUCTIONS)  # the api's
    assert "healthcheck" in services["ui"]
    assert "healthcheck" in services["postgres"]
    assert services["ui"]["depends_on"] == {"api": {"condition": "service_healthy"}}


def test_data_is_in_a_volume_and_nothing_else_can_be_written(services: dict[str, Any]) -> None:
    assert "data:/data" in services["api"]["volumes"]
    assert services["api"]["environment"]["DATABASE_URL"].endswith(":-sqlite:////data/aethergate.db}")
    assert services["api"]["read_only"] is services["ui"]["read_only"] is True


def test_nobody_in_it_is_root() -> None:
    user = [rest for name, rest in INSTRUCTIONS if name == "USER"]
    assert user == ["10001:10001"]
    names = [name for name, _ in INSTRUCTIONS]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [
        line.removeprefix("!") for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    copied = [word for name, rest in INSTRUCTIONS if name == "COPY" and "--from" not in rest for word in rest.split()]
    sources = {word for word in copied if (REPOSITORY / word).exists() and word not in (".", "./")}
    assert {"pyproject.toml", "gateway.yaml", "functions", "infra", "ui", "admin_cli"} <= sources
    assert sources <= set(allowed)
    assert {word for word in copied if word not in sources} == {"./", "/config/gateway.yaml"}


@pytest.mark.parametrize("path", [".env", "infra/.env", "aethergate.db", "functions/x.db-wal"])
def test_no_secret_and_no_database_gets_into_the_image(path: str) -> None:
    ignored = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] not in "#!"]
    assert any(fnmatch(path, pattern) or fnmatch(path, pattern.removeprefix("**/")) for pattern in ignored[1:])
