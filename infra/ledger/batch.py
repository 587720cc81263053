"""What a batch of operations needs from the database before `core.apply` can decide it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.ledger.books import Books
from infra.ledger.core import apply
from infra.ledger.operations import (
    DURABLE,
    Hold,
    OpenUser,
    Operation,
    Post,
    Progress,
    Recover,
    Renew,
    Result,
    Settle,
    Void,
)


@dataclass(frozen=True, slots=True)
class Needs:
    """Ids to read and lock, sorted: locks are taken in id order, so that two processes cannot wait for each other."""

    users: list[str]
    names: list[str]
    requests: list[str]
    entries: list[str]


def needs(operations: Iterable[Operation]) -> Needs:
    """The rows that these operations read or write."""
    users: set[str] = set()
    names: set[str] = set()
    requests: set[str] = set()
    entries: set[str] = set()
    for operation in operations:
        match operation:
            case OpenUser(user_id=user, name=name):
                users.add(user)
                names.add(name)
            case Hold(draft=row) | Settle(final=row) | Void(final=row):
                users.add(row.user_id)
                requests.add(row.id)
            case Progress(request_id=request):
                requests.add(request)
            case Recover(request_id=request, user_id=user):
                users.add(user)
                requests.add(request)
            case Post(entry_id=entry, user_id=user, request_id=of):
                users.add(user)
                entries.add(entry)
                if of is not None:
                    requests.add(of)
            case Renew():
                pass
    return Needs(sorted(users), sorted(names), sorted(requests), sorted(entries))


def decide(operations: Sequence[Operation], books: Books) -> list[Result]:
    """Applies the batch in arrival order."""
    return [apply(operation, books) for operation in operations]


def begun(operations: Iterable[Operation]) -> set[str]:
    """The requests that begin with this batch."""
    return {operation.draft.id for operation in operations if isinstance(operation, Hold)}


def durable(operations: Iterable[Operation]) -> bool:
    """Whether the commit must reach the disk before it is answered."""
    return any(isinstance(operation, DURABLE) for operation in operations)


def renewals(operations: Iterable[Operation]) -> list[Renew]:
    """The leases to write with this batch."""
    return [operation for operation in operations if isinstance(operation, Renew)]
