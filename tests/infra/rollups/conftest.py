"""The same open database as the journal's tests have."""

from tests.infra.journal.conftest import log, store

__all__ = ["log", "store"]
