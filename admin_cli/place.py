"""Where the gateway of this folder is declared: gateway.yaml, the environment with .env under it, the secrets."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from admin_cli.trouble import Refusal

if TYPE_CHECKING:
    from infra.config import DatabaseUrl
    from infra.config.objects import Manifest, Secrets

URL = "AETHERGATE_URL"


@dataclass(frozen=True)
class Place:
    """One gateway.yaml with what belongs to it."""

    path: Path
    environ: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where gateway.yaml and .env are."""
        return self.path.resolve().parent

    def manifest(self) -> "Manifest":
        """Raises ManifestFaults with all faults."""
        from infra.config import load

        return load(self.path, self.environ)

    def secrets(self) -> "Secrets":
        """Raises ConfigError naming what is missing."""
        from infra.config import secrets

        return secrets(self.environ)


def find(config: str | None) -> Place:
    """Raises ConfigError where there is no gateway.yaml, Refusal where none was named and none is here."""
    from infra.config import ConfigError, read_env
    from infra.config import find as find_file

    try:
        path = find_file(config, os.environ)
    except ConfigError as missing:
        if config or os.environ.get("AETHERGATE_CONFIG"):
            raise
        raise Refusal(f"{missing}; `aethergate init` begins a new one here") from None
    return Place(path, read_env(path.resolve().parent, os.environ))


def database(manifest: "Manifest") -> "DatabaseUrl":
    """Where the manifest keeps its data."""
    from infra.config import database_url

    return database_url(manifest.gateway.database)


def admin_key() -> str:
    """MASTER_API_KEY for a gateway that AETHERGATE_URL names: from the environment or ./.env. Raises Refusal."""
    from infra.config import read_env

    found = read_env(Path(), os.environ).get("MASTER_API_KEY", "").strip()
    if not found:
        raise Refusal(f"MASTER_API_KEY is not set: the gateway at ${URL} wants it, from the environment or ./.env")
    return found
