"""The database of a simulation: rows that are committed, a disk under them, and everything that can go wrong."""

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

from infra.ledger import batch
from infra.ledger.books import OPEN, Account, AuditRow, Books, EntryRow, RequestRow
from infra.ledger.operations import Operation, Post, Recover, Result
from infra.ledger.vault import LEASE_SECONDS

SICK = 0.1
"""From this share of failing commits on a process may fail to renew its lease in time."""
POISON = "no database can write this"


class Crash(BaseException):
    """The process is gone at this very instruction."""


class Impossible(Exception):
    """The database says no to one operation."""


@dataclass
class Faults:
    """How often things go wrong, as probabilities per commit, and when the database is away (seconds)."""

    fail: float = 0.0
    lost_answer: float = 0.0
    crash_before: float = 0.0
    crash_after: float = 0.0
    outages: list[tuple[float, float, int | None]] = field(default_factory=list)
    """From, until, and for which process (None: for all)."""
    hang: bool = False
    """Whether an outage is a silence of 5 s per statement instead of an error at once."""


@dataclass
class Tables:
    """What is committed."""

    accounts: dict[str, Account] = field(default_factory=dict)
    requests: dict[str, RequestRow] = field(default_factory=dict)
    entries: dict[str, EntryRow] = field(default_factory=dict)
    audits: dict[str, AuditRow] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)

    def copy(self) -> "Tables":
        """The same rows; a commit replaces rows, it never changes one."""
        return Tables(**{each.name: dict(getattr(self, each.name)) for each in fields(self)})


class World:
    """One database for all processes of a simulation; commits are atomic and one after the other."""

    def __init__(self, random: Random, faults: Faults) -> None:
        self.random, self.faults = random, faults
        self.tables = Tables()
        self.commits = 0
        self.lapsed: set[str] = set()
        """Processes that lived on after their lease had run out: others had to take them for dead."""
        self.bereft: set[str] = set()
        """Processes whose requests others ended while nothing of theirs, a spool neither, could reach the database."""
        self._outages = faults.outages
        self._safe = self.tables.copy()
        """What is on the disk; the rest of the tables a power cut takes away."""

    @property
    def now(self) -> float:
        """The database's clock, seconds."""
        return asyncio.get_running_loop().time()

    def away(self, who: int) -> bool:
        """Whether nothing of this process gets through at the moment."""
        return any(begin <= self.now < end and whose in (None, who) for begin, end, whose in self.faults.outages)

    def _troubled(self, instance: str) -> bool:
        """Whether a process, and the one that came after it, may have failed to reach the database for a lease."""
        who, since = int(instance.split("_")[1]), self.now - LEASE_SECONDS
        away = any(begin <= self.now and end >= since and whose in (None, who) for begin, end, whose in self._outages)
        return away or self.faults.fail >= SICK

    def power_cut(self) -> None:
        """What did not have to reach the disk is gone."""
        self.tables = self._safe.copy()

    def load(self, needs: batch.Needs) -> Books:
        """The rows of a batch, copied as a SELECT does."""
        books, tables = Books(), self.tables
        books.accounts = {id: copy.copy(tables.accounts[id]) for id in needs.users if id in tables.accounts}
        books.requests = {id: copy.copy(tables.requests[id]) for id in needs.requests if id in tables.requests}
        books.entries = {id: tables.entries[id] for id in needs.entries if id in tables.entries}
        books.names = {account.name for account in tables.accounts.values()} & set(needs.names)
        return books

    def write(self, operations: Sequence[Operation]) -> tuple[list[Result], Books]:
        """One transaction; raises Impossible and changes nothing."""
        if any(isinstance(operation, Post) and operation.reason == POISON for operation in operations):
            raise Impossible(POISON)
        books = self.load(batch.needs(operations))
        self._note_the_bereft(operations)
        results = batch.decide(operations, books)
        self.commits += 1
        tables = self.tables
        for entry in books.new_entries:
            assert entry.id not in tables.entries, f"entry {entry.id} is written twice"
            tables.entries[entry.id] = entry
        tables.audits |= {event.id: event for event in books.audits}
        tables.accounts |= {id: books.accounts[id] for id in (*books.new_accounts, *books.touched_accounts)}
        tables.requests |= {id: books.requests[id] for id in books.touched_requests}
        for lease in batch.renewals(operations):
            if tables.leases.get(lease.instance, self.now) < self.now:
                self.lapsed.add(lease.instance)
            tables.leases[lease.instance] = self.now + LEASE_SECONDS
        if batch.durable(operations):
            self._safe = tables.copy()
        return results, books

    def _note_the_bereft(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            row = self.tables.requests.get(operation.request_id) if isinstance(operation, Recover) else None
            if row is None or row.state not in OPEN or self.tables.leases.get(row.instance, self.now) >= self.now:
                continue
            if self._troubled(row.instance):
                self.bereft.add(row.instance)

    async def rows(self, who: int, sql: str, *values: Any) -> list[dict[str, Any]]:
        """What a ledger asks by itself: who is gone, of which nobody can be proved here (`Process` tells instead), and
        open requests of the dead."""
        if "FROM instances WHERE place" in sql:
            return []
        assert "FROM requests WHERE state IN ('HELD', 'STREAMING')" in sql, sql
        if self.away(who):
            raise OSError("the database is away")
        alive = {values[0]}
        if "lease_until_us BETWEEN" in sql:
            alive |= {id for id, until in self.tables.leases.items() if until >= self.now}
        if "lease_until_us = 0" in sql:
            alive |= {id for id, until in self.tables.leases.items() if until}
        found = [row for row in self.tables.requests.values() if row.state in OPEN and row.instance not in alive]
        return [{"id": row.id, "user_id": row.user_id} for row in sorted(found, key=lambda row: row.id)]


class FakeVault:
    """One process's connection; see `infra.ledger.vault.Vault`. `check` is called after each commit."""

    impossible = (Impossible,)

    def __init__(self, world: World, who: int, check: Any) -> None:
        self._world, self._who, self._check = world, who, check
        self._connected = False

    async def open(self) -> None:
        await self._travel()
        self._connected = True

    async def close(self) -> None:
        self._connected = False

    async def _travel(self) -> None:
        world = self._world
        await asyncio.sleep(world.random.uniform(0.0005, 0.02))
        if world.away(self._who):
            self._connected = False
            await asyncio.sleep(5.0 if world.faults.hang else 0.001)
            raise OSError("the database is away")

    async def commit(self, operations: Sequence[Operation]) -> tuple[list[Result], dict[str, tuple[int, int]]]:
        world, faults, random = self._world, self._world.faults, self._world.random
        if not self._connected:
            raise OSError("not connected")
        await self._travel()
        if random.random() < faults.fail:
            self._connected = False
            raise OSError("the connection broke before COMMIT")
        if random.random() < faults.crash_before:
            raise Crash
        results, books = world.write(operations)
        self._check(books)
        if random.random() < faults.crash_after:
            raise Crash
        await self._travel()
        if random.random() < faults.lost_answer:
            self._connected = False
            raise OSError("the connection broke between COMMIT and its answer")
        return results, {id: (books.accounts[id].balance, books.accounts[id].held) for id in books.touched_accounts}
