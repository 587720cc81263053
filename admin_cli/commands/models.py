"""Models and prices that the owner sets beside gateway.yaml; the latest price wins."""

from typing import Annotated

import typer

from admin_cli import output
from admin_cli.grammar import ConfigFile, Json, command, number
from admin_cli.reach import ask

ModelId = Annotated[str, typer.Argument(metavar="ID", help="The model's name for callers.")]
PriceIn = Annotated[str | None, typer.Option(metavar="PRICE", help="Per input token: 0.000001.", callback=number)]
PriceOut = Annotated[str | None, typer.Option(metavar="PRICE", help="Per output token: 0.000002.", callback=number)]
Fallback = Annotated[str | None, typer.Option(help="A model that serves while all backends of this one are gone.")]
MaxOutput = Annotated[int | None, typer.Option(help="Tokens that one answer may have.")]


def add(app: typer.Typer) -> None:
    """Declares the commands."""
    example = 'aethergate add-model "qwen2.5:3b" "ollama/qwen2.5:3b" --price-in 0.000001 --price-out 0.000002'
    command(app, "Models", "add-model", example)(add_model)
    command(app, "Models", "models", "aethergate models")(models)
    examples = (
        'aethergate set-price "qwen2.5:3b" --price-in 0.000001 --price-out 0.000002',
        'aethergate set-price "qwen2.5:3b" --price input=1.00/1M --price output=2.00/1M --price cached=0.10/1M',
    )
    command(app, "Models", "set-price", *examples)(set_price)
    command(app, "Models", "remove-model", 'aethergate remove-model "qwen2.5:3b"')(remove_model)


def add_model(
    model: ModelId,
    upstream: Annotated[str, typer.Argument(metavar="UPSTREAM", help="backend/its own name there.")],
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    max_output: MaxOutput = None,
    fallback: Fallback = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Sell a model of a backend, with its price per token."""
    made = ask(
        config,
        lambda admin: admin.put_model(
            model, upstream, price_in=price_in, price_out=price_out, max_output=max_output, fallback=fallback
        ),
    )
    if json:
        output.json(made)
        return
    output.line(f"{made['id']} runs as {', '.join(made['targets'])} at {_prices(made)}.")


def models(json: Json = False, config: ConfigFile = None) -> None:
    """List what is sold, where it runs and what it costs."""
    found = ask(config, lambda admin: admin.models())
    if json:
        output.json(found)
        return
    rows = [
        (
            model["id"],
            ", ".join(model["targets"]),
            (model["price"] or {}).get("input"),
            (model["price"] or {}).get("output"),
            model["max_output"],
            "the owner" if model["source"] == "owner" else "gateway.yaml",
            "overrides gateway.yaml" if model.get("overrides_file") else " ",
        )
        for model in found["data"]
    ]
    names = ("MODEL", "RUNS AS", "INPUT>", "OUTPUT>", "MAX OUTPUT>", "DECLARED BY", "")
    output.table(names, rows, "no models: declare one in gateway.yaml, or with `aethergate add-model`")


def set_price(
    model: ModelId,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    price: Annotated[list[str] | None, typer.Option(metavar="METER=PRICE", help="As in gateway.yaml.")] = None,
    json: Json = False,
    config: ConfigFile = None,
) -> None:
    """Set a model's price: a new dated version, for requests from now on."""
    meters = dict(_meter(each) for each in price or [])
    if not meters and price_in is None and price_out is None:
        raise typer.BadParameter("say a price: --price-in and --price-out per token, or --price input=1.00/1M")
    made = ask(
        config, lambda admin: admin.put_model(model, price_in=price_in, price_out=price_out, price=meters or None)
    )
    if json:
        output.json(made)
        return
    output.line(f"{made['id']} costs {_prices(made)} from now on.")


def _meter(text: str) -> tuple[str, str]:
    meter, found, price = text.partition("=")
    if not found:
        raise typer.BadParameter(f"{text!r} is not METER=PRICE, as in input=1.00/1M")
    return meter.strip(), price.strip()


def remove_model(model: ModelId, json: Json = False, config: ConfigFile = None) -> None:
    """Take back what was set over gateway.yaml; what the file says holds again."""
    gone = ask(config, lambda admin: admin.remove_model(model))
    if json:
        output.json(gone)
        return
    output.line(f"What was set for {model} is gone; gateway.yaml alone says whether it is sold.")


def _prices(model: dict[str, object]) -> str:
    found = model.get("price")
    shown = [f"{meter} {price}" for meter, price in found.items()] if isinstance(found, dict) else []
    return ", ".join(shown) or "no price"
