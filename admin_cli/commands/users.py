"""Users: make, list, change, look at a balance."""

from typing import TYPE_CHECKING, Annotated

import typer

from admin_cli import output
from admin_cli.grammar import ConfigFile, Json, UserName, command, number
from admin_cli.reach import ask

if TYPE_CHECKING:
    from infra.client import AdminClient, Answer

Balance = Annotated[
    str, typer.Option(metavar="AMOUNT", help="The first balance, in the gateway's currency.", callback=number)
]
Weight = Annotated[int | None, typer.Option(help="Share of a busy backend against other users, from 1.")]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    command(app, "Users", "add-user", "aethergate add-user bob --balance 10.00")(add_user)
    command(app, "Users", "users", "aethergate users", "aethergate users --json")(users)
    command(app, "Users", "check-balance", "aethergate check-balance bob")(check_balance)
    command(app, "Users", "change-user", "aethergate change-user bob --inactive")(change_user)


def add_user(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the user is called.")],
    balance: Balance = "0",
    weight: Weight = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Add a user with a first balance."""
    user = ask(config, lambda admin: admin.add_user(name, balance, weight=weight))
    if json:
        output.json(user)
        return
    output.line(f"Added {user['username']} with a balance of {output.money(user['balance_nano'])}.")


def users(
    search: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="Only names that hold this.")] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """List the users with their balances."""
    found = ask(config, lambda admin: admin.users(q=search))
    if json:
        output.json(found)
        return
    rows = [
        (
            user["username"],
            output.money(user["balance_nano"]),
            output.money(user["held_nano"]),
            user["keys"],
            user["active"],
            output.limits(user["limits"]),
            output.when(user["created_at"]),
        )
        for user in found["data"]
    ]
    names = ("USER", "BALANCE>", "HELD>", "KEYS>", "ACTIVE", "LIMITS", "SINCE")
    output.table(names, rows, "no users yet: `aethergate add-user NAME --balance 10.00` adds one")


def check_balance(name: UserName, json: Json = False, config: ConfigFile = None) -> None:
    """Show what a user has left."""
    user = ask(config, lambda admin: admin.user(name))
    if json:
        output.json({key: user[key] for key in ("username", "balance", "balance_nano", "held", "held_nano")})
        return
    held = f" ({output.money(user['held_nano'])} of it is held by running requests)" if user["held_nano"] else ""
    output.line(f"{user['username']}: {output.money(user['balance_nano'])}{held}")


def change_user(
    name: UserName,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether the keys work.")] = None,
    weight: Weight = None,
    rate_limit: Annotated[str | None, typer.Option(metavar="RATE", help='Requests over all keys: "60/m".')] = None,
    tokens: Annotated[str | None, typer.Option(metavar="RATE", help='Tokens over all keys: "200K/m".')] = None,
    concurrent: Annotated[int | None, typer.Option(help="Requests at once over all keys.")] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Switch a user on or off, set weight or limits; what is not said stays."""
    said = {"requests": rate_limit, "tokens": tokens, "concurrent": concurrent}
    wanted = {limit: value for limit, value in said.items() if value is not None}
    if active is None and weight is None and not wanted:
        raise typer.BadParameter("say what to change: --active, --inactive, --weight or a limit")

    async def change(admin: "AdminClient") -> "Answer":
        before = await admin.user(name)
        limits = {**before["limits"], **wanted} if wanted else None
        return await admin.change_user(before["id"], active=active, weight=weight, limits=limits)

    user = ask(config, change)
    if json:
        output.json(user)
        return
    state = "active" if user["active"] else "inactive: every key of theirs is refused"
    limits = output.limits(user["limits"]) or "none of their own"
    output.line(f"{user['username']} is {state}; weight {user['weight']}; limits {limits}.")
