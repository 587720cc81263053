"""gateway.yaml and the environment → frozen, typed objects, once, at the edge.

    find, load             the file → Manifest, or ManifestFaults with every fault, its line and what was found
    read_env, secrets      .env and the two secrets
    database_url           DATABASE_URL in every form → DatabaseUrl
    plan, show, notes      what changed; what is in force; what is good to know
    schema                 the JSON Schema of the file, published as gateway.schema.json

Faults for the owner are ConfigError (faults.py). The table of all keys is in sections/; loader and schema read it both.
"""

from infra.config.changes import Change, plan
from infra.config.database import DatabaseUrl
from infra.config.environment import check_exposure, is_loopback, placeholders, read_env, secrets
from infra.config.faults import ConfigError, Fault, ManifestFaults
from infra.config.json_schema import schema
from infra.config.loader import find, load
from infra.config.shown import notes, show
from infra.config.urls import database_url

__all__ = [
    "Change",
    "ConfigError",
    "DatabaseUrl",
    "Fault",
    "ManifestFaults",
    "check_exposure",
    "database_url",
    "find",
    "is_loopback",
    "load",
    "notes",
    "placeholders",
    "plan",
    "read_env",
    "schema",
    "secrets",
    "show",
]
