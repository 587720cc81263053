"""All commands, put together."""

from typing import Annotated

import typer

from admin_cli.commands import backends, database, keys, manifest, models, money, requests, run, setup, users
from admin_cli.grammar import Group

ROOMS = (setup, run, users, keys, models, money, requests, backends, manifest, database)
BEGIN = (
    "Begin with `make run` or `aethergate init && aethergate up`. Each command has examples: aethergate add-user --help"
)

app = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for room in ROOMS:
    room.add(app)


@app.callback(invoke_without_command=True, epilog=BEGIN)
def aethergate(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=setup.show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Sell and share the inference of your own machines through the OpenAI API."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
