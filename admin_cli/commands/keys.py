"""API keys: make, list, rotate, revoke."""

import sys
from typing import Annotated

import typer

from admin_cli import output
from admin_cli.grammar import ConfigFile, Json, UserName, command
from admin_cli.reach import ask

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The key's prefix or id, as `aethergate keys` shows it.")]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    examples = (
        'aethergate gen-key bob --name "default"',
        "key=$(aethergate gen-key bob --rate-limit 60/m --expires 90d)",
        'aethergate gen-key bob --model "qwen2.5:3b" --model nomic-embed-text',
    )
    command(app, "Keys", "gen-key", *examples)(gen_key)
    command(app, "Keys", "keys", "aethergate keys", "aethergate keys bob")(keys)
    command(app, "Keys", "rotate-key", "aethergate rotate-key sk-2Vx0aB7kQ9Zd --grace 1h")(rotate_key)
    command(app, "Keys", "revoke-key", "aethergate revoke-key sk-2Vx0aB7kQ9Zd")(revoke_key)


def gen_key(
    username: UserName,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the key is called.")] = "default",
    rate_limit: Annotated[str | None, typer.Option(metavar="RATE", help='Requests: "60/m", "1000/h".')] = None,
    tokens: Annotated[str | None, typer.Option(metavar="RATE", help='Tokens: "200K/m".')] = None,
    concurrent: Annotated[int | None, typer.Option(help="Requests at once.")] = None,
    model: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="Only this model; may be repeated.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help='Ends after so long: "90d".')] = None,
    owner: Annotated[
        bool, typer.Option("--owner", help="Mark as the owner's own key: it goes to the front of every queue.")
    ] = False,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Make an API key for a user; it is shown this once, alone on the first line."""
    limits = {"tokens": tokens, "concurrent": concurrent}
    made = ask(
        config,
        lambda admin: admin.add_key(
            username,
            name=name,
            rate_limit=rate_limit,
            limits={limit: value for limit, value in limits.items() if value is not None} or None,
            models=model,
            expires=expires,
            owner=owner or None,
        ),
    )
    _show_once(made, json, f"That is {made['username']}'s key {made['name']!r}. It is shown this once; keep it safe.")


def _show_once(made: dict[str, object], json: bool, words: str) -> None:
    if json:
        output.json(made)
        return
    sys.stdout.write(f"{made['key']}\n")
    sys.stdout.flush()
    output.note(words)


def keys(
    username: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this user's.")] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """List the keys, never the secrets."""
    found = ask(config, lambda admin: admin.keys(user=username))
    if json:
        output.json(found)
        return
    rows = [
        (
            key["key_prefix"],
            key["username"],
            key["name"],
            key["active"],
            key["owner"],
            output.limits(key["limits"]),
            ", ".join(key["models"]) if key["models"] is not None else "all",
            output.when(key["expires_at"]),
            output.when(key["last_used_at"]),
        )
        for key in found["data"]
    ]
    names = ("KEY", "USER", "NAME", "ACTIVE", "OWNER", "LIMITS", "MODELS", "EXPIRES", "LAST USED")
    output.table(names, rows, "no keys yet: `aethergate gen-key NAME` makes one")


def rotate_key(
    key: KeyId,
    grace: Annotated[
        str | None, typer.Option(metavar="TIME", help='The old key still works for so long: "1h".')
    ] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Put a new key in the place of an old one."""
    made = ask(config, lambda admin: admin.rotate_key(_id(key), grace))
    old = f"still works for {grace}" if grace else "is refused from now on"
    _show_once(made, json, f"That takes the place of {key[:16]}, which {old}. It is shown this once; keep it safe.")


def revoke_key(key: KeyId, json: Json = False, config: ConfigFile = None) -> None:
    """End a key for good."""
    gone = ask(config, lambda admin: admin.revoke_key(_id(key)))
    if json:
        output.json(gone)
        return
    output.line(f"Revoked {gone['key_prefix']} of {gone['username']}.")


def _id(text: str) -> str:
    """The public id in a prefix, or in a whole key that somebody pasted: the secret part is not sent."""
    return text[3:15] if text.startswith("sk-") else text
