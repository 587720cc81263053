"""Where small files of a database lie: beside the SQLite file, for PostgreSQL below the working directory."""

import hashlib
from pathlib import Path

from infra.config.database import DatabaseUrl


def beside(url: DatabaseUrl, suffix: str) -> Path:
    """The path of the file with this suffix; its folder need not exist."""
    if url.dialect == "sqlite":
        return Path(f"{url.path}.{suffix}")
    return Path(".aethergate") / f"{hashlib.sha256(str(url).encode()).hexdigest()[:12]}.{suffix}"
