"""gateway.yaml as JSON Schema, for completion and red lines in editors.

`python -m infra.config` writes infra/config/gateway.schema.json; a test keeps file and table the same.
"""

import json
from pathlib import Path
from typing import Any

from infra.config.loader import MANIFEST

PUBLISHED = Path(__file__).with_name("gateway.schema.json")


def schema() -> dict[str, Any]:
    """The schema. What a schema cannot say (names that refer to others, doubled routes) the loader alone refuses."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "gateway.yaml",
        "description": "The manifest of AetherGate: backends, models with prices, endpoints with limits.",
        **MANIFEST.schema(),
    }


def text() -> str:
    """The published file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
