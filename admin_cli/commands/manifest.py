"""gateway.yaml: check it, see what a change would do, apply it."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from admin_cli import output, place
from admin_cli.grammar import ConfigFile, Json, command
from admin_cli.reach import ask
from admin_cli.trouble import FAILED, tell

if TYPE_CHECKING:
    from infra.config.objects import Manifest

ConfigArgument = Annotated[str | None, typer.Argument(metavar="[FILE]", help="The same as --config FILE.")]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    command(app, "gateway.yaml", "check", "aethergate check", "aethergate check other.yaml --json")(check)
    command(app, "gateway.yaml", "plan", "aethergate plan")(plan)
    command(app, "gateway.yaml", "apply", "aethergate apply")(apply)


def check(file: ConfigArgument = None, json: Json = False, config: ConfigFile = None) -> None:
    """Check the file, without a server or a database: every fault with its line, else models and guards."""
    from infra.config import ManifestFaults, notes

    here = place.find(config or file)
    try:
        manifest = here.manifest()
    except ManifestFaults as faults:
        if not json:
            raise
        shown = [{"file": f.file, "line": f.line, "where": f.where, "message": f.message} for f in faults.faults]
        output.json({"ok": False, "faults": shown})
        raise typer.Exit(FAILED) from None
    models, endpoints = _models(manifest), _endpoints(manifest)
    said = [*notes(manifest), *_guessable(here.environ)]
    if json:
        output.json({"ok": True, "faults": [], "notes": said, "models": models, "endpoints": endpoints})
        return
    sold = [(each["id"], ", ".join(each["backend"]), _prices(each["price"])) for each in models]
    output.table(("MODEL", "RUNS AS", "PRICE"), sold, "no models")
    output.line()
    rows = [(each["name"], each["access"], ", ".join(each["guards"]), each["routes"][0]) for each in endpoints]
    output.table(("ENDPOINT", "ACCESS", "GUARDS, IN ORDER", "FIRST ROUTE"), rows, "no endpoints")
    counts = f"{len(manifest.backends)} backends, {len(manifest.models)} models, {len(endpoints)} endpoints"
    output.line(f"{here.path}: no faults; {counts}.")
    for each in said:
        tell(f"note: {each}")


def _models(manifest: "Manifest") -> list[dict[str, Any]]:
    from infra.config.shown import show_model

    return [{"id": each.id, **show_model(each)} for each in manifest.models.values()]


def _prices(price: Mapping[str, str]) -> str:
    return ", ".join(f"{meter} {each}" for meter, each in price.items())


def _endpoints(manifest: "Manifest") -> list[dict[str, Any]]:
    from infra.config.shown import show_endpoint
    from infra.runtime.guards import guards_of

    return [
        {**show_endpoint(each), "guards": [guard.__name__ for guard in guards_of(each)]} for each in manifest.endpoints
    ]


def _guessable(environ: Mapping[str, str]) -> list[str]:
    """What is no fault of the file, but keeps the gateway from starting or from facing a network."""
    from infra.config import ConfigError, placeholders, secrets

    try:
        known = placeholders(secrets(environ))
    except ConfigError as missing:
        return [str(missing)]
    return [f"{' and '.join(known)} can be guessed: the gateway serves 127.0.0.1 alone"] if known else []


def plan(json: Json = False, config: ConfigFile = None) -> None:
    """Show what the file would change in the running gateway: models, prices in per cent, keys and users touched."""
    found = ask(config, lambda admin: admin.plan(), serving=_elsewhere(config))
    _show(found, json, "The file changes nothing.")


def apply(json: Json = False, config: ConfigFile = None) -> None:
    """Reload the file in the running gateway without dropping a request; a faulty one changes nothing."""
    found = ask(config, lambda admin: admin.apply(), serving=_elsewhere(config))
    _show(found, json, "Applied; the file changed nothing.")


def _elsewhere(config: str | None) -> bool:
    """Both speak of a gateway that runs; a faulty file is told before that there is none."""
    if not os.environ.get(place.URL, "").strip():
        place.find(config).manifest()
    return True


def _show(found: dict[str, Any], json: bool, nothing: str) -> None:
    if json:
        output.json(found)
        return
    rows = [(each["kind"], each["subject"], each["text"], _touched(each)) for each in found["changes"]]
    if rows:
        output.table(("WHAT", "WHICH", "CHANGE", "IN USE BY"), rows, nothing)
    else:
        output.line(nothing)
    for each in found["overrides"]:
        output.line(f"Set by the owner: {each}.")


def _touched(change: dict[str, Any]) -> str:
    """How many used the model in the last 30 days."""
    if "keys" not in change:
        return " "
    return f"{change['keys']} keys of {change['users']} users"
