"""GET /admin/margins: revenue less electricity, for each model on each backend."""

from typing import Any

from quart import Response

from infra.config.shown import show_prices
from infra.errors import NotFound
from infra.journal import views
from infra.journal.margins import Margin, margins
from infra.rollups.figures import DAY_US
from infra.runtime.call import Call
from infra.runtime.query import Query
from infra.store.clock import now_us


async def show(call: Call) -> Response:
    """?days=30: so many UTC days, today included as far as it is summed up. Raises BadRequest."""
    days = Query(call, "days").whole("days", least=1, most=366) or 30
    manifest = call.gateway.manifest
    kwh = manifest.gateway.electricity
    since = now_us() // DAY_US * DAY_US - (days - 1) * DAY_US
    found = await margins(call.gateway.store, manifest.backends, kwh, since)
    return call.answer(
        {
            **views.listing(_shown(call, each) for each in found),
            "days": days,
            "currency": manifest.gateway.currency,
            **_maybe("electricity", kwh),
        }
    )


def _shown(call: Call, each: Margin) -> dict[str, Any]:
    speed = each.tokens_per_second
    revenue = each.figures.revenue_nano
    share = None if each.margin is None or not revenue else round(each.margin * 100 / revenue, 1)
    return {
        "backend": each.backend,
        "model": each.model,
        "watts": each.watts,
        **views.figures(each.figures),
        "tokens_per_second": speed and round(speed, 1),
        "busy_seconds": each.busy_us // 1_000_000,
        **_maybe("cost", each.cost),
        **_maybe("margin", each.margin),
        "margin_percent": share,
        **_maybe("cost_per_million", each.per_million(each.cost)),
        **_maybe("revenue_per_million", each.per_million(revenue)),
        "price": _price(call, each.model),
    }


def _price(call: Call, model: str) -> dict[str, str]:
    """What the model costs now; empty where it is no longer sold."""
    try:
        return show_prices(call.gateway.catalogue.listed(model).price)
    except NotFound:
        return {}


def _maybe(name: str, nano: int | None) -> dict[str, Any]:
    return {name: None, f"{name}_nano": None} if nano is None else views.money(name, nano)
