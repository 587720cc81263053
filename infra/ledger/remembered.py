"""What this process's last batches left in the books: a batch can be decided on it without asking first.

It is a guess, since others write too. The statement that stores such a batch stores nothing where it was wrong
(`postgres_sql.at_once`).
"""

from collections.abc import Container

from infra.ledger.batch import Needs
from infra.ledger.books import OPEN, Account, Books, RequestRow, values

ACCOUNTS_MAX = 10_000


class Remembered:
    """Accounts, the last ones used, and the open requests of this process."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._requests: dict[str, RequestRow] = {}

    def books(self, needs: Needs, fresh: Container[str]) -> Books | None:
        """Copies to decide on; None where an account or request is not known here, but for requests that begin with
        this batch, or where more is asked than accounts and requests."""
        if needs.entries or needs.names or not all(id in self._accounts for id in needs.users):
            return None
        if not all(id in self._requests or id in fresh for id in needs.requests):
            return None
        return Books(
            accounts={id: Account(*values(self._accounts[id])) for id in needs.users},
            requests={id: RequestRow(*values(row)) for id in needs.requests if (row := self._requests.get(id))},
        )

    @property
    def open(self) -> int:
        """How many requests of this process are open."""
        return len(self._requests)

    def was(self, id: str) -> Account:
        """The account as the copies were made of it."""
        return self._accounts[id]

    def keep(self, books: Books) -> None:
        """After the commit; the rows are nobody else's any more."""
        for account in books.accounts.values():
            self._accounts.pop(account.id, None)  # so that it stands last
            self._accounts[account.id] = account
        while len(self._accounts) > ACCOUNTS_MAX:
            del self._accounts[next(iter(self._accounts))]
        for row in books.requests.values():
            if row.state in OPEN:
                self._requests[row.id] = row
            else:
                self._requests.pop(row.id, None)

    def forget(self, needs: Needs) -> None:
        """It was wrong."""
        for id in needs.users:
            self._accounts.pop(id, None)
        for id in needs.requests:
            self._requests.pop(id, None)
