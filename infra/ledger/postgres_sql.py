"""The statements of the money tables in PostgreSQL: arrays unnested into bulk writes, each of them one round trip."""

from functools import cache
from typing import Any, get_type_hints

from infra.ledger.books import OPEN, Account, AuditRow, EntryRow, RequestRow, columns

FIXED = ("instance", "user_id", "key_id", "endpoint", "model", "created_us")
"""Of a request, beside its id, from its first row to its last."""
CHANGING = tuple(name for name in columns(RequestRow) if name not in ("id", *FIXED))
_STATES = ", ".join(f"'{state}'" for state in OPEN)


def _arrays(row_type: type[Any], first: int, names: tuple[str, ...] = ()) -> str:
    """The parameters of an unnest over columns of a row type: $1::text[], $2::bigint[] …"""
    hints = get_type_hints(row_type)
    kinds = [
        "boolean" if hints[name] is bool else "bigint" if "int" in str(hints[name]) else "text"
        for name in names or columns(row_type)
    ]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, start=first))


def _insert(table: str, row_type: type[Any], first: int = 1) -> str:
    return f"INSERT INTO {table} ({', '.join(columns(row_type))}) SELECT * FROM unnest({_arrays(row_type, first)})"


INSERT_ACCOUNTS = _insert("users", Account)
INSERT_AUDITS = _insert("audit_events", AuditRow)
SELECT_ENTRIES = f"SELECT {', '.join(columns(EntryRow))} FROM entries WHERE id = ANY($1::text[])"
_SAVE_ACCOUNTS = (
    "UPDATE users SET balance = new.balance, held = new.held, seq = new.seq"
    " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS new(id, balance, held, seq)"
    " WHERE users.id = new.id"
)
_SAVE_REQUESTS = (
    _insert("requests", RequestRow, 5)
    + " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in CHANGING)
)
SAVE = (
    f"WITH accounts AS ({_SAVE_ACCOUNTS}), requests AS ({_SAVE_REQUESTS} RETURNING xmax = 0 AS fresh),"
    f" entries AS ({_insert('entries', EntryRow, 5 + len(columns(RequestRow)))})"
    " SELECT count(*) FROM requests WHERE fresh"
)
"""What a batch writes whose rows are locked: accounts (id, balance, held, seq), requests, entries; how many requests
were not there before."""
LOCK_ROWS = (
    f"SELECT (SELECT array_agg(row) FROM (SELECT ROW({', '.join(columns(Account))}) AS row FROM users"
    " WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE) AS accounts),"
    f" (SELECT array_agg(row) FROM (SELECT ROW({', '.join(columns(RequestRow))}) AS row FROM requests"
    " WHERE id = ANY($2::text[]) ORDER BY id FOR UPDATE) AS bills)"
)
SAVE_LEASE = (
    "INSERT INTO instances (id, url, started_us, lease_until_us)"
    " VALUES ($1, $2, $3, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $4)"
    " ON CONFLICT (id) DO UPDATE SET url = excluded.url, lease_until_us = excluded.lease_until_us"
)
_ACCOUNT_PARAMETERS = 8


@cache
def at_once(accounts: bool, fresh: bool, open: bool, entries: bool, durable: bool) -> str:
    """A whole batch as one statement, its own transaction: it looks under locks whether all is as the batch was decided
    on, writes where it is, and tells whether it was.

    Parameters, of the parts that it has: of accounts id, balance, held and seq as they shall be, balance, held, seq and
    active as they were; all columns of requests that are not there; id and the changing columns of open ones; all
    columns of entries. Locks are taken as everywhere: accounts before requests, each in the order of ids.

    A statement whose client has gone may still wait for its locks, and run long after another try of the same batch.
    So a request that is there already breaks it (INSERT knows it, whatever its snapshot shows), and one that has gone
    on or ended since leaves it without effect.
    """
    looks, true, writes, first = [], [], [], 1
    if accounts:
        looks.append(
            "accounts AS MATERIALIZED (SELECT users.id FROM users JOIN"
            " unnest($1::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::boolean[])"
            " AS was(id, balance, held, seq, active) ON users.id = was.id AND users.balance = was.balance"
            " AND users.held = was.held AND users.seq = was.seq AND users.active = was.active"
            " ORDER BY users.id FOR UPDATE OF users)"
        )
        true.append("(SELECT count(*) FROM accounts) = cardinality($1)")
        writes.append(f"saved_accounts AS ({_SAVE_ACCOUNTS} AND (SELECT yes FROM so))")
        first += _ACCOUNT_PARAMETERS
    if fresh:
        writes.append(f"saved_fresh AS ({_insert('requests', RequestRow, first)} WHERE (SELECT yes FROM so))")
        first += len(columns(RequestRow))
    if open:
        id, held, progress = (first, *(first + 1 + CHANGING.index(name) for name in ("held", "progress")))
        looks.append(
            "open AS MATERIALIZED (SELECT requests.id FROM requests"
            f" JOIN unnest(${id}::text[], ${held}::bigint[], ${progress}::bigint[]) AS new(id, held, progress)"
            f" ON requests.id = new.id AND requests.state IN ({_STATES})"
            " AND requests.held = new.held AND requests.progress <= new.progress"
            " ORDER BY requests.id FOR UPDATE OF requests)"
        )
        true.append(f"(SELECT count(*) FROM open) = cardinality(${first})")
        writes.append(
            f"saved_open AS (UPDATE requests SET {', '.join(f'{name} = new.{name}' for name in CHANGING)}"
            f" FROM unnest({_arrays(RequestRow, first, ('id', *CHANGING))}) AS new(id, {', '.join(CHANGING)})"
            " WHERE requests.id = new.id AND (SELECT yes FROM so))"
        )
        first += 1 + len(CHANGING)
    if entries:
        writes.append(f"saved_entries AS ({_insert('entries', EntryRow, first)} WHERE (SELECT yes FROM so))")
    looks.append(f"so AS MATERIALIZED (SELECT {' AND '.join(true) or 'true'} AS yes)")
    later = "" if durable else ", set_config('synchronous_commit', 'off', true)"
    return f"WITH {', '.join(looks + writes)} SELECT yes{later} FROM so"
