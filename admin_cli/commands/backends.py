"""The backends that answer requests."""

from typing import Annotated, Any

import typer

from admin_cli import output
from admin_cli.grammar import ConfigFile, Json, command
from admin_cli.reach import ask

BackendName = Annotated[str, typer.Argument(metavar="NAME", help="As it is called in gateway.yaml.")]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    command(app, "Traffic", "backends", "aethergate backends", "aethergate backends --probe")(backends)
    command(app, "Traffic", "drain", "aethergate drain gpu-box")(drain)
    command(app, "Traffic", "undrain", "aethergate undrain gpu-box")(undrain)


def backends(
    probe: Annotated[bool, typer.Option("--probe", help="Look at every backend now.")] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Show the backends of the running gateway: which are up, how busy, what they serve."""
    found = ask(config, lambda admin: admin.probe_backends() if probe else admin.backends(), serving=True)
    if json:
        output.json(found)
        return
    rows = [
        (
            each["name"],
            each["adapter"],
            _state(each),
            f"{each['busy']}/{each['slots']}",
            each["queued"],
            ", ".join(each["models"]),
            _why(each),
        )
        for each in found["data"]
    ]
    names = ("BACKEND", "ADAPTER", "STATE", "BUSY>", "QUEUED>", "SERVES", "WHY")
    output.table(names, rows, "no backend is declared in gateway.yaml")


def _state(row: dict[str, Any]) -> str:
    if row["draining"]:
        return "draining" if row["busy"] else "drained"
    if row["opens_at"] is not None:
        return "closed"
    return {True: "up", False: "down", None: "not looked at yet"}[row["up"]]


def _why(row: dict[str, Any]) -> str | None:
    if row["draining"]:
        return f"by its owner; `aethergate undrain {row['name']}` takes it into service again"
    if row["opens_at"] is not None:
        return f"opens {output.when(row['opens_at'])}"
    still = [
        f"process {each['pid']} stands still and keeps {each['slots']} slot{'s' * (each['slots'] != 1)};"
        " end it to free them"
        for each in row.get("standing") or []
    ]
    return "; ".join([*([row["why"]] if row["why"] else []), *still]) or None


def drain(name: BackendName, json: Json = False, config: ConfigFile = None) -> None:
    """Send nothing new to a backend; what runs there finishes."""
    found = ask(config, lambda admin: admin.drain_backend(name))
    if json:
        output.json(found)
        return
    running = found.get("busy")
    output.line(f"{name} gets nothing new" + (f"; {running} still running there will finish." if running else "."))


def undrain(name: BackendName, json: Json = False, config: ConfigFile = None) -> None:
    """Take a drained backend into service again."""
    found = ask(config, lambda admin: admin.drain_backend(name, drain=False))
    if json:
        output.json(found)
        return
    output.line(f"{name} is in service again.")
