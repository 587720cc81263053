"""The statements of the money tables in PostgreSQL. Rows go there as one JSON array of objects per table, a batch of
one row each as its columns."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, get_args, get_type_hints

from infra.ledger.books import OPEN, Account, AuditRow, EntryRow, RequestRow, State, columns

_FIXED = ("instance", "user_id", "key_id", "endpoint", "model", "created_us")
"""Of a request, beside its id, from its first row to its last."""
_CHANGING = tuple(name for name in columns(RequestRow) if name not in ("id", *_FIXED))


@dataclass(frozen=True, slots=True)
class Moved:
    """An account that a batch moved money of: as it shall be and, to be compared, as it was."""

    id: str
    balance: int
    held: int
    seq: int
    was_balance: int
    was_held: int
    was_seq: int
    was_active: bool


_MONEY = ("balance", "held", "seq")
_ENDED = ", ".join(f"'{state}'" for state in get_args(State) if state not in OPEN)


def _kinds(row_type: type[Any]) -> dict[str, str]:
    hints = get_type_hints(row_type)
    return {
        name: "boolean" if hint is bool else "bigint" if "int" in str(hint) else "text" for name, hint in hints.items()
    }


def _rows(row_type: type[Any], number: int) -> str:
    """A parameter as the rows that it holds."""
    kinds = ", ".join(f"{name} {kind}" for name, kind in _kinds(row_type).items())
    return f"json_to_recordset(${number}::json) AS given({kinds})"


def _row(row_type: type[Any], numbers: Iterator[int]) -> str:
    """The next parameters as the one row that they are."""
    kinds = _kinds(row_type)
    values = ", ".join(f"${next(numbers)}::{kind}" for kind in kinds.values())
    return f"(VALUES ({values})) AS given({', '.join(kinds)})"


def _insert(table: str, row_type: type[Any], source: str) -> str:
    names = ", ".join(columns(row_type))
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM {source}"


def _update(table: str, names: Iterable[str], source: str) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = {source}.{name}' for name in names)}"


INSERT_ACCOUNTS = _insert("users", Account, _rows(Account, 1))
INSERT_AUDITS = _insert("audit_events", AuditRow, _rows(AuditRow, 1))
SELECT_ENTRIES = f"SELECT {', '.join(columns(EntryRow))} FROM entries WHERE id = ANY($1::text[])"
SAVE = (
    f"WITH accounts AS ({_update('users', _MONEY, 'given')} FROM {_rows(Account, 1)} WHERE users.id = given.id),"
    f" saved AS ({_insert('requests', RequestRow, _rows(RequestRow, 2))} ON CONFLICT (id) DO"
    f" {_update('', _CHANGING, 'excluded')} RETURNING xmax = 0 AS fresh),"
    f" entries AS ({_insert('entries', EntryRow, _rows(EntryRow, 3))})"
    " SELECT count(*) FROM saved WHERE fresh"
)
"""What a batch writes whose rows are locked: accounts, requests, entries; how many requests were not there before."""
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


@cache
def at_once(accounts: bool, fresh: bool, open: bool, entries: bool, durable: bool, single: bool) -> str:
    """A whole batch as one statement, its own transaction: it looks under locks whether all is as the batch was decided
    on, writes where it is, and tells whether it was.

    Parameters, of the parts that it has: accounts, as they shall be and as they were (`Moved`); requests that are not
    there; open requests as they shall be; entries. Each part is one parameter, or, `single`, of one row, whose columns
    are the parameters. Locks are taken as everywhere: accounts before requests, each in the order of ids.

    A statement whose client has gone may still wait for its locks, and run long after another try of the same batch.
    So a request that is there already breaks it (INSERT knows it, whatever its snapshot shows), and one that has gone
    on or ended since leaves it without effect.
    """
    numbers = count(1)

    def given(row_type: type[Any]) -> str:
        return _row(row_type, numbers) if single else _rows(row_type, next(numbers))

    steps, true = [], ["true"]
    if accounts:
        steps.append(_look_at_accounts(given(Moved), single))
        true.append("(SELECT count(*) FROM accounts) = (SELECT count(*) FROM moved)")
    writes = [_SAVE_MOVED] if accounts else []
    if fresh:
        writes.append(f"fresh AS ({_insert('requests', RequestRow, given(RequestRow))} {_WHERE_SO})")
    if open:
        steps.append(_look_at_open(given(RequestRow), single))
        true.append("(SELECT count(*) FROM open) = (SELECT count(*) FROM ours)")
        writes.append(_SAVE_ONE if single else _SAVE_OURS)
    if entries:
        writes.append(f"new_entries AS ({_insert('entries', EntryRow, given(EntryRow))} {_WHERE_SO})")
    steps.append(f"so AS MATERIALIZED (SELECT {' AND '.join(true)} AS yes)")
    later = "" if durable else ", set_config('synchronous_commit', 'off', true)"
    return f"WITH {', '.join(steps + writes)} SELECT yes{later} FROM so"


_WHERE_SO = "WHERE (SELECT yes FROM so)"
_SAVE_MOVED = (
    f"saved_accounts AS ({_update('users', _MONEY, 'moved')} FROM moved"
    " WHERE users.id = moved.id AND (SELECT yes FROM so))"
)
_SAVE_ONE = (
    f"saved_open AS ({_update('requests', _CHANGING, 'ours')} FROM ours"
    " WHERE requests.id = ours.id AND (SELECT yes FROM so))"
)
_SAVE_OURS = (
    f"saved_open AS ({_insert('requests', RequestRow, 'ours')} {_WHERE_SO}"
    f" ON CONFLICT (id) DO {_update('', _CHANGING, 'excluded')})"
)
"""Open requests are found one by one by their id, whatever a plan was made for: joined, and asked for by the states of
the index of open requests, all that is open would be read, or, planned while few requests are there, all of them."""


def _kept(name: str, source: str, single: bool) -> str:
    return f"{name} AS {'NOT ' if single else ''}MATERIALIZED (SELECT * FROM {source})"


def _look_at_accounts(source: str, single: bool) -> str:
    return (
        f"{_kept('moved', source, single)},"
        " accounts AS MATERIALIZED (SELECT users.id FROM users JOIN moved ON users.id = moved.id"
        " AND users.balance = moved.was_balance AND users.held = moved.was_held AND users.seq = moved.was_seq"
        " AND users.active = moved.was_active ORDER BY users.id FOR UPDATE OF users)"
    )


def _look_at_open(source: str, single: bool) -> str:
    return (
        f"{_kept('ours', source, single)},"
        " open AS MATERIALIZED (SELECT 1 FROM (SELECT id, held, progress FROM ours ORDER BY id) AS sorted,"
        f" LATERAL (SELECT 1 FROM requests WHERE requests.id = sorted.id AND requests.state NOT IN ({_ENDED})"
        " AND requests.held = sorted.held AND requests.progress <= sorted.progress FOR UPDATE) AS found)"
    )
