"""The rules of money as one pure function: `apply(operation, books)` changes the books in memory and tells the result.

No clock, no database, no randomness: the writer runs it between a locked read and a bulk write, the simulator and the
property tests run it alone. Terminal states absorb: whatever comes second returns what came first.
"""

from functools import singledispatch

from infra.ledger.books import OPEN, Account, AuditRow, Books, EntryRow, RequestRow
from infra.ledger.operations import (
    Billed,
    Done,
    Held,
    Hold,
    Opened,
    OpenUser,
    Operation,
    Post,
    Posted,
    Progress,
    Recover,
    Refused,
    Renew,
    Result,
    Settle,
    Void,
)
from infra.units import MONEY_MAX_NANO, show_money

_SYSTEM_ACCOUNT = {"usage": "revenue", "topup": "cash", "refund": "revenue", "adjustment": "adjustments"}


@singledispatch
def apply(operation: Operation, books: Books) -> Result:
    """Decides one operation in arrival order. Never raises for a caller's mistake: that is a `Refused`."""
    raise TypeError(f"not an operation: {operation!r}")


@apply.register
def _open_user(operation: OpenUser, books: Books) -> Result:
    if operation.user_id in books.accounts:
        return Opened(operation.user_id)
    if operation.name in books.names:
        return Refused("exists")
    account = Account(
        id=operation.user_id,
        name=operation.name,
        weight=operation.weight,
        limits_json=operation.limits_json,
        created_us=operation.at_us,
    )
    books.names.add(operation.name)
    books.accounts[account.id] = books.new_accounts[account.id] = account
    made = f'{{"weight": {operation.weight}, "limits": {operation.limits_json}}}'
    _audit(books, operation, account.id, "user.create", account.name, (None, made))
    if operation.balance:
        first = Post(
            entry_id=f"t:{account.id}:first",
            kind="topup",
            user_id=account.id,
            amount=operation.balance,
            request_id=None,
            actor=operation.actor,
            address=operation.address,
            reason="first balance",
            at_us=operation.at_us,
        )
        _post(first, books)
    return Opened(account.id)


@apply.register
def _hold(operation: Hold, books: Books) -> Result:
    known = books.requests.get(operation.draft.id)
    if known is not None:
        return Held(known.held, known.held < operation.want)
    account = books.accounts.get(operation.draft.user_id)
    if account is None:
        return Refused("no_account")
    if not account.active:
        return Refused("inactive")
    if account.free < operation.least:
        enough = account.balance >= operation.least
        return Refused("on_hold" if enough else "too_low", free=account.free, held=account.held)
    amount = min(operation.want, account.free)
    account.held += amount
    row = operation.draft.changed(state="HELD", held=amount, held_us=operation.at_us)
    books.requests[row.id] = row
    books.touched_requests.add(row.id)
    books.touched_accounts.add(account.id)
    return Held(amount, amount < operation.want)


@apply.register
def _progress(operation: Progress, books: Books) -> Result:
    row = books.requests.get(operation.request_id)
    if row is None or row.state not in OPEN:
        return Done()
    row.state = "STREAMING"
    if operation.cost >= row.progress:  # the cost and the units that it is the price of stay together
        row.progress, row.units_json = operation.cost, operation.units_json
        row.input_tokens, row.output_tokens = operation.input_tokens, operation.output_tokens
    row.price_id = operation.price_id or row.price_id
    row.served_model = operation.served_model or row.served_model
    row.first_byte_us = row.first_byte_us or operation.first_byte_us
    books.touched_requests.add(row.id)
    return Done()


@apply.register
def _settle(operation: Settle, books: Books) -> Result:
    return _end(operation.final, operation.amount, books)


@apply.register
def _void(operation: Void, books: Books) -> Result:
    return _end(operation.final.changed(state="VOID"), 0, books)


@apply.register
def _recover(operation: Recover, books: Books) -> Result:
    row = books.requests.get(operation.request_id)
    if row is None:
        return Refused("no_request")
    billed = row.state == "STREAMING" and row.progress > 0
    final = row.changed(
        state="SETTLED" if billed else "VOID",
        basis="recovered" if billed else None,
        finished_us=operation.at_us,
        error_code="gateway_died",
        error="The gateway stopped while this request ran; it was billed as far as it was known to have come."
        if billed
        else "The gateway stopped before this request produced anything.",
    )
    return _end(final, row.progress, books)


def _end(final: RequestRow, amount: int, books: Books) -> Result:
    """One end for settle, void and recovery. `final.state` is VOID for a void; the hold is given back in any case."""
    account = books.accounts.get(final.user_id)
    if account is None:
        return Refused("no_account")
    known = books.requests.get(final.id)
    if known is not None and known.state not in OPEN:
        return _ended(known, account)
    held = known.held if known is not None else 0  # a hold may be lost with the machine, the bill is not
    charged = 0 if final.state == "VOID" else min(amount, held + account.free)
    row = final.changed(
        state="VOID" if final.state == "VOID" else "SETTLED",
        held=held,
        charged=charged,
        shortfall=0 if final.state == "VOID" else amount - charged,
        progress=known.progress if known is not None else 0,
        held_us=known.held_us if known is not None else None,
    )
    books.requests[row.id] = row
    books.touched_requests.add(row.id)
    account.held -= held
    books.touched_accounts.add(account.id)
    if charged:
        at_us = row.finished_us or row.created_us
        _transfer(books, account, -charged, f"u:{row.id}", "usage", row.id, "gateway", row.model, at_us)
    return _ended(row, account)


def _ended(row: RequestRow, account: Account) -> Billed:
    state: str = row.state
    return Billed("VOID" if state == "VOID" else "SETTLED", row.charged, row.shortfall, account.balance)


@apply.register
def _post(operation: Post, books: Books) -> Result:
    account = books.accounts.get(operation.user_id)
    if account is None:
        return Refused("no_account")
    known = books.entries.get(operation.entry_id)
    if known is not None:
        moved = known.amount if known.credit == f"user:{account.id}" else -known.amount
        if operation.amount not in (0, moved):  # nothing: all that was left, which a retry finds gone
            return Refused("mismatch")
        return Posted(known.id, known.amount, known.balance_after)
    if operation.amount < 0 and account.free < -operation.amount:
        return Refused("on_hold" if account.balance >= -operation.amount else "too_low", account.free, account.held)
    if account.balance + operation.amount > MONEY_MAX_NANO:
        return Refused("over_limit", account.free, account.held)
    if operation.kind == "refund":
        refused = _refundable(operation, books)
        if refused is not None:
            return refused
    before = account.balance
    entry = _transfer(
        books, account, operation.amount, operation.entry_id, operation.kind, operation.request_id, operation.actor,
        operation.reason, operation.at_us,
    )  # fmt: skip
    change = f'{{"balance":"{show_money(before)}"}}', f'{{"balance":"{show_money(account.balance)}"}}'
    _audit(books, operation, operation.entry_id, f"ledger.{operation.kind}", account.name, change)
    return Posted(entry.id, entry.amount, entry.balance_after)


def _refundable(operation: Post, books: Books) -> Refused | None:
    """A refund is of a settled request, and all refunds of it together never exceed its charge."""
    row = books.requests.get(operation.request_id or "")
    if row is None or row.user_id != operation.user_id:
        return Refused("no_request")
    if row.state in OPEN:
        return Refused("open")
    if row.refunded + operation.amount > row.charged:
        return Refused("over_original", free=row.charged - row.refunded)
    row.refunded += operation.amount
    books.touched_requests.add(row.id)
    return None


@apply.register
def _renew(operation: Renew, books: Books) -> Result:
    return Done()  # no money in it: the vault writes the lease by the database's clock


def _transfer(
    books: Books, account: Account, amount: int, entry_id: str, kind: str, request_id: str | None, actor: str,
    reason: str, at_us: int,
) -> EntryRow:  # fmt: skip
    """Moves `amount` (signed) to or from the account and writes the entry that proves it."""
    user, system = f"user:{account.id}", _SYSTEM_ACCOUNT[kind]
    account.balance += amount
    account.seq += 1
    entry = EntryRow(
        id=entry_id,
        kind=kind,  # type: ignore[arg-type]
        debit=user if amount < 0 else system,
        credit=system if amount < 0 else user,
        amount=abs(amount),
        user_id=account.id,
        seq=account.seq,
        balance_after=account.balance,
        request_id=request_id,
        actor=actor,
        reason=reason,
        created_us=at_us,
    )
    books.entries[entry.id] = entry
    books.new_entries.append(entry)
    books.touched_accounts.add(account.id)
    return entry


def _audit(
    books: Books, by: OpenUser | Post, key: str, action: str, target: str, change: tuple[str | None, str] | None
) -> None:
    before, after = change or (None, None)
    books.audits.append(AuditRow(f"audit:{key}", by.at_us, by.actor, by.address, action, target, before, after))
