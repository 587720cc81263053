"""Which SQLite this process uses.

SQLite 3.7.0–3.51.2 can corrupt a WAL database that two connections use (the "WAL-reset" bug, fixed in 3.51.3 and
back-ported to 3.50.7 and 3.44.6). Where the pysqlite3 wheel carries a fixed library it takes the place of the standard
module for the whole process, so that aiosqlite and the ledger's writer share one copy.
"""

import importlib
import importlib.util
import sys


def prefer_fixed() -> None:
    """Puts pysqlite3 in the place of sqlite3, unless a library has bound the standard one already."""
    if "aiosqlite" in sys.modules or importlib.util.find_spec("pysqlite3") is None:
        return
    fixed = importlib.import_module("pysqlite3")
    sys.modules["sqlite3"] = fixed
    sys.modules["sqlite3.dbapi2"] = importlib.import_module("pysqlite3.dbapi2")


def version() -> tuple[int, int, int]:
    """The version of the library in use."""
    import sqlite3

    major, minor, patch = (int(part) for part in sqlite3.sqlite_version.split("."))
    return major, minor, patch


def has_wal_reset_bug(found: tuple[int, int, int]) -> bool:
    """True for the versions that the bug's report names."""
    if found[:2] == (3, 44):
        return found[2] < 6
    if found[:2] == (3, 50):
        return found[2] < 7
    return (3, 7, 0) <= found < (3, 51, 3)
