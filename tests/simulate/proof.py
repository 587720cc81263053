"""What must be true of the tables after every step (docs/ledger.md, Audit), and at the end."""

from dataclasses import dataclass, field

from infra.ledger.books import OPEN, Books
from tests.simulate.world import Tables


@dataclass
class Truth:
    """What really happened, known to nobody in the gateway: nano-units per request."""

    emitted: dict[str, int] = field(default_factory=dict)
    """What the backend had emitted so far, at the price of admission (the prompt from the first moment)."""
    finished: dict[str, int] = field(default_factory=dict)
    """Requests that a client saw finish, with what they cost; their bill was written or spooled before."""
    posted: dict[str, int] = field(default_factory=dict)
    """Amounts by entry id that an owner was told are posted."""


class Broken(AssertionError):
    """An invariant does not hold."""


def demand(true: bool, text: str) -> None:
    if not true:
        raise Broken(text)


def after_commit(tables: Tables, books: Books, truth: Truth) -> None:
    """What one commit can have broken."""
    for id in (*books.touched_accounts, *books.new_accounts):
        check_account(tables, id)
    for id in books.touched_requests:
        check_request(tables, id, truth)


def check_account(tables: Tables, id: str) -> None:
    account = tables.accounts[id]
    demand(0 <= account.held <= account.balance, f"{account}")
    mine = sorted((entry for entry in tables.entries.values() if entry.user_id == id), key=lambda entry: entry.seq)
    demand([entry.seq for entry in mine] == list(range(1, account.seq + 1)), f"{id}: a gap in the entries")
    balance = 0
    for entry in mine:
        balance += entry.amount if entry.credit == f"user:{id}" else -entry.amount
        demand(entry.amount > 0 and entry.balance_after == balance, f"{entry}")
        demand((entry.debit == f"user:{id}") != (entry.credit == f"user:{id}"), f"{entry}")
    demand(account.balance == balance, f"{id}: balance {account.balance}, entries {balance}")
    held = sum(row.held for row in tables.requests.values() if row.user_id == id and row.state in OPEN)
    demand(account.held == held, f"{id}: held {account.held}, open holds {held}")


def check_request(tables: Tables, id: str, truth: Truth) -> None:
    row = tables.requests[id]
    usage = tables.entries.get(f"u:{id}")
    demand((usage.amount if usage else 0) == row.charged, f"{row}")
    demand(row.charged == 0 or row.state == "SETTLED", f"{row}")
    demand(row.charged <= truth.emitted.get(id, 0), f"{id}: charged {row.charged}, emitted {truth.emitted.get(id)}")
    refunds = sum(e.amount for e in tables.entries.values() if e.kind == "refund" and e.request_id == id)
    demand(row.refunded == refunds <= row.charged, f"{row}: refunds {refunds}")


def at_the_end(tables: Tables, truth: Truth, bereft: set[str]) -> None:
    """After the last process has had the time to clear up."""
    for id in tables.accounts:
        check_account(tables, id)
    for id, row in tables.requests.items():
        check_request(tables, id, truth)
        demand(row.state not in OPEN, f"{id} is still open")
    for id, cost in truth.finished.items():
        demand(id in tables.requests, f"a client saw {id} finish, nobody else did")
        row = tables.requests[id]
        # Of one that could not renew its lease another one bills the last checkpoint, or nothing where there was none.
        if row.instance not in bereft or row.error_code != "gateway_died":
            demand(row.state == "SETTLED" or cost == 0, f"a client saw {id} finish: {row}")
            demand(row.charged + row.shortfall == cost, f"{id} cost {cost}: {row}")
    for id, amount in truth.posted.items():
        demand(id in tables.entries and tables.entries[id].amount == amount, f"{id} was told as posted and is not")
