"""The database: tables, migrations, one connection for the catalogue and queries.

Money rows are written by `infra.ledger` on a connection of its own.
"""

from infra.store.sqlite_library import prefer_fixed

# Before anything imports sqlite3: two copies of SQLite on one file in one process break each other's locks.
prefer_fixed()
