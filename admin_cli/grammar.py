"""How command lines are read and helped with.

Names and amounts may begin with a dash (`adjust bob -0.50`), so no option is short; an unknown `--option` is a mistake
still. What begins with two dashes and is meant comes after `--`.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

SECTIONS: dict[str, list[str]] = {}
"""Headings of the help, each with its commands in order."""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What a command line that cannot be understood raises; typer does not export it."""

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="gateway.yaml; else $AETHERGATE_CONFIG, else ./gateway.yaml."),
]
UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user's name or id.")]


def number(text: str | None) -> str | None:
    """A number as it was typed, digit for digit; raises a usage error where it is none."""
    from infra.units import decimal

    try:
        decimal(text or "0")
    except ValueError as error:
        raise typer.BadParameter(f"{error}") from None
    return text


class Command(TyperCommand):
    """A command whose arguments may begin with a dash."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ignore_unknown_options = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Raises a usage error for an unknown option, with the one that was probably meant."""
        args = ["--help" if each == "-h" else each for each in args]
        self._refuse_unknown(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_unknown(self, ctx: Any, args: list[str]) -> None:
        known = {name: param for param in self.get_params(ctx) for name in [*param.opts, *param.secondary_opts]}
        rest = iter(args)
        for each in rest:
            if each == "--":
                return
            name, given, _ = each.partition("=")
            if name in known:
                if not given and not getattr(known[name], "is_flag", False) and name.startswith("--"):
                    next(rest, None)  # its value, whatever that looks like
            elif name.startswith("--"):
                close = get_close_matches(name, [option for option in known if option.startswith("--")], 1)
                ctx.fail(f"No such option: {name}" + (f"; did you mean {close[0]}?" if close else ""))


class Group(TyperGroup):
    """All commands, in the help under their headings."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the headings."""
        return [name for names in SECTIONS.values() for name in names]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """One list for each heading."""
        for heading, names in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(90)) for name in names])


def command(
    app: typer.Typer, section: str, name: str, *examples: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares a command under a heading, with examples for its help."""
    SECTIONS.setdefault(section, []).append(name)
    lines = "\n".join(f"  {example}" for example in examples)
    plural = "Examples" if len(examples) > 1 else "Example"
    epilog = f"\b\n{plural}:\n{lines}" if examples else None
    return app.command(name, cls=Command, epilog=epilog)
