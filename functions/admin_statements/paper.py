"""A statement as a page to print: one file, no script, nothing from elsewhere, and all foreign text escaped."""

from datetime import UTC, datetime
from html import escape

from infra.journal.statement import Item, Statement
from infra.store.clock import SECOND_US
from infra.store.models import User
from infra.units import show_money

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #111; background: #fff; margin: 2rem auto; max-width: 56rem;
       padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } header p { margin: .2rem 0 1.5rem; color: #555; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #111; } td { border-bottom: 1px solid #ddd; overflow-wrap: anywhere; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } .sum td { font-weight: 600; }
@media print { body { margin: 0; } tr { break-inside: avoid; } thead { display: table-header-group; } }
"""
_HEAD = (
    '<tr><th>Day</th><th>What</th><th class="n">Requests</th><th class="n">Amount</th><th class="n">Balance</th></tr>'
)
_KINDS = {"usage": "Requests", "topup": "Top-up", "refund": "Refund", "adjustment": "Adjustment"}


def paper(user: User, found: Statement, currency: str) -> str:
    """The whole page."""
    name, month = escape(user.name), escape(found.month.name)
    rows = "\n".join(_row(item) for item in found.items)
    totals = "\n".join(
        f'<tr><td>{_KINDS[kind]}, together</td><td class="n">{show_money(amount)}</td></tr>'
        for kind, amount in sorted(found.totals.items())
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Statement {month}, {name}</title><style>{_STYLE}</style></head><body>
<header><h1>Statement {month}</h1><p>{name}, {escape(user.id)}. Amounts in {escape(currency)}, days in UTC.</p></header>
<table><thead>{_HEAD}</thead><tbody>
{_sum("Opening balance", found.opening)}
{rows}
{_sum("Closing balance", found.closing)}
</tbody></table>
<table><tbody>
{totals}
</tbody></table></body></html>
"""


def _row(item: Item) -> str:
    day = datetime.fromtimestamp(item.at_us // SECOND_US, UTC).date().isoformat()
    what = ": ".join(part for part in (_KINDS[item.kind], item.text) if part)
    requests = f"{item.requests:,}" if item.requests else ""
    return (
        f'<tr><td>{day}</td><td>{escape(what)}</td><td class="n">{requests}</td>'
        f'<td class="n">{show_money(item.amount)}</td><td class="n">{show_money(item.balance)}</td></tr>'
    )


def _sum(text: str, nano: int) -> str:
    return f'<tr class="sum"><td></td><td>{text}</td><td></td><td></td><td class="n">{show_money(nano)}</td></tr>'
