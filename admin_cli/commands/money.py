"""Money: top up, adjust, refund, read the ledger, prove it."""

from typing import Annotated, Any

import typer

from admin_cli import output
from admin_cli.grammar import ConfigFile, Json, UserName, command, number
from admin_cli.reach import ask
from admin_cli.trouble import FAILED

Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="In the gateway's currency, exactly.", callback=number)]
Once = Annotated[
    str | None, typer.Option("--idempotency-key", metavar="TEXT", help="The same key moves the money only once.")
]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    command(app, "Money", "top-up", "aethergate top-up bob 25.00")(top_up)
    command(app, "Money", "adjust", 'aethergate adjust bob -0.50 --reason "charged twice"')(adjust)
    examples = (
        'aethergate refund req_0Vbr5PyNA30Q22KiQMaZ --reason "cut off"',
        "aethergate refund req_… --amount 0.01",
    )
    command(app, "Money", "refund", *examples)(refund)
    command(app, "Money", "ledger", "aethergate ledger", "aethergate ledger bob --limit 20")(ledger)
    command(app, "Money", "audit", "aethergate audit", "aethergate audit --reprice")(audit)


def _reason(default: str) -> Any:
    return typer.Option(default, metavar="TEXT", help="Stands in the ledger.")


def top_up(
    name: UserName,
    amount: Amount,
    reason: str = _reason(""),
    once: Once = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Add money to a balance."""
    posted = ask(config, lambda admin: admin.top_up(name, amount, reason=reason or None, idempotency_key=once))
    _posted(posted, json, f"Added {{amount}} to {name}'s balance")


def adjust(
    name: UserName,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Up, or down with a minus: -0.50.", callback=number)],
    reason: str = _reason("adjusted by the owner"),
    once: Once = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Correct a balance, up or down."""
    posted = ask(config, lambda admin: admin.adjust(name, amount, reason=reason, idempotency_key=once))
    _posted(posted, json, f"Adjusted {name}'s balance by {{amount}}")


def refund(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="As `aethergate requests` shows it.")],
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="A part; else all that is left of it.", callback=number)
    ] = None,
    reason: str = _reason("refunded by the owner"),
    once: Once = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Give the charge of a request back, whole or in part."""
    posted = ask(config, lambda admin: admin.refund(request_id, amount, reason=reason, idempotency_key=once))
    _posted(posted, json, f"Refunded {{amount}} of {request_id}")


def _posted(posted: dict[str, Any], json: bool, words: str) -> None:
    if json:
        output.json(posted)
        return
    done = words.replace("{amount}", output.money(posted["amount_nano"]))
    output.line(f"{done}; it is {output.money(posted['balance_nano'])} now.")


def ledger(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this user's.")] = None,
    limit: Annotated[int, typer.Option(help="So many entries, the latest first.")] = 50,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """List the entries of the ledger."""
    found = ask(config, lambda admin: admin.ledger(user=name, limit=limit))
    if json:
        output.json(found)
        return
    rows = [
        (
            output.when(entry["created_at"]),
            entry["username"],
            entry["kind"],
            output.money(entry["amount_nano"]),
            output.money(entry["balance_after_nano"]),
            entry["request_id"],
            entry["reason"],
        )
        for entry in found["data"]
    ]
    output.table(("WHEN", "USER", "KIND", "AMOUNT>", "BALANCE>", "REQUEST", "REASON"), rows, "no entries yet")


def audit(
    reprice: Annotated[bool, typer.Option("--reprice", help="Compute every bill anew, too.")] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Prove every balance from the ledger; exit code 1 where something does not add up."""
    report = ask(config, lambda admin: admin.audit(reprice=reprice))
    findings = report["findings"]
    if json:
        output.json(report)
    else:
        for each in findings:
            output.line(f"{each['rule']}: {each['subject']}: {each['text']}")
        counts = ", ".join(f"{report[name]} {name}" for name in ("users", "entries", "requests"))
        counts += f" ({report['repriced']} bills computed anew)" if reprice else ""
        verdict = f"{len(findings)} findings" if findings else "everything adds up"
        output.line(f"Checked {counts}: {verdict}.")
    if findings:
        raise typer.Exit(FAILED)
