"""The journal of requests."""

from pathlib import Path
from typing import Annotated, Any

import typer

from admin_cli import output
from admin_cli.export import form_of, write
from admin_cli.grammar import ConfigFile, Json, command
from admin_cli.reach import ask


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    examples = (
        "aethergate requests --user bob --limit 20",
        "aethergate requests req_0Vbr5PyNA30Q22KiQMaZ",
        "aethergate requests --status error --since 2026-11-01 --export errors.csv",
    )
    command(app, "Traffic", "requests", *examples)(requests)
    command(app, "Traffic", "rebuild-figures", "aethergate rebuild-figures")(rebuild_figures)


def requests(
    request_id: Annotated[str | None, typer.Argument(metavar="[REQUEST_ID]", help="One, with its bill.")] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only this user's.")] = None,
    model: Annotated[str | None, typer.Option(metavar="ID", help="Only for this model.")] = None,
    state: Annotated[str | None, typer.Option(help="HELD, STREAMING, SETTLED or VOID.")] = None,
    limit: Annotated[int, typer.Option(help="So many, the latest first.")] = 50,
    status: Annotated[str | None, typer.Option(help="As 402 or 5xx; error: whatever went wrong.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="A day or a time, from then on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="A day, whole, or a time, before then.")] = None,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="All of them into a .csv or .jsonl file; - is stdout, as CSV.")
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """List the latest requests, show one with its bill, or write them all to a file."""
    filters = {"user": user, "model": model, "state": state, "status": status, "from": since, "to": until}
    if export is not None:
        form = form_of(export)
        ask(config, lambda admin: write(admin, export, form, filters))
        return
    if request_id is not None:
        found = ask(config, lambda admin: admin.request(request_id))
    else:
        found = ask(config, lambda admin: admin.requests(limit=limit, **filters))
    if json:
        output.json(found)
    elif request_id is not None:
        _one(found)
    else:
        _list(found["data"])


def _list(rows: list[dict[str, Any]]) -> None:
    names = ("WHEN", "REQUEST", "USER", "MODEL", "STATE", "STATUS>", "IN>", "OUT>", "CHARGED>")
    shown = [
        (
            output.when(row["created_at"]),
            row["id"],
            row["username"],
            row["model"],
            row["state"],
            row["status"],
            row["input_tokens"],
            row["output_tokens"],
            output.money(row["charged_nano"]),
        )
        for row in rows
    ]
    output.table(names, shown, "no requests yet")


def _one(row: dict[str, Any]) -> None:
    for name, value in row.items():
        if name.endswith("_nano") or isinstance(value, (dict, list)) or value is None:
            continue
        shown = output.when(value) if name.endswith("_at") else value
        shown = output.money(row[f"{name}_nano"]) if f"{name}_nano" in row else shown
        output.line(f"{name + ':':16} {shown}")
    output.line()
    lines = [
        (
            each["meter"],
            each["units"],
            f"{each['price']} × {each['factor']}" if "factor" in each else each["price"],
            output.money(each["amount_nano"]),
        )
        for each in row["cost"]
    ]
    output.table(("METER", "UNITS>", "PRICE>", "AMOUNT>"), lines, "nothing was charged")


def rebuild_figures(json: Json = False, config: ConfigFile = None) -> None:
    """Sum the request log up anew, in the running gateway or the next one; figures stay right meanwhile."""
    found = ask(config, lambda admin: admin.rebuild_figures())
    if json:
        output.json(found)
    else:
        output.line("The sums are thrown away; a gateway that serves makes them anew, a day at a time.")
