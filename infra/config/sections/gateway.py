"""`gateway:`, the settings of the process as a whole."""

from collections.abc import Mapping
from typing import Any

from infra.config.kinds import Many
from infra.config.leaves import AMOUNT, DATABASE, DURATION, FACTOR, KEEP, NETWORK, choice, word
from infra.config.objects import GatewaySettings, JournalSettings, RequestDeadlines, Tier, TierQueue
from infra.config.shapes import Field, Named, Shape

DATABASE_DEFAULT = "${DATABASE_URL:-sqlite:///./aethergate.db}"
"""Where the file says nothing, so that DATABASE_URL counts in any case."""
CURRENCY = word("a currency in capitals, as in USD", r"[A-Z]{3,8}")

QUEUES: Mapping[str, TierQueue] = {"priority": "front", "flex": "idle"}
"""Where the requests of a tier wait unless the file says otherwise."""
TIER = Shape(
    "a service tier, as in {price: 1.5}",
    dict,
    {
        "price": Field(FACTOR, "What its requests cost, as a multiple of the price: 1.5.", required=True),
        "queue": Field(
            choice("front", "fair", "idle"),
            "front: before the others; fair: among them; idle: only while nobody else waits."
            " Default: priority front, flex idle.",
        ),
    },
)


def _tier(name: str, values: Mapping[str, Any]) -> Tier:
    return Tier(name, values["price"], values.get("queue", QUEUES.get(name, "fair")))


TIER_NAME = word("a service tier (priority or flex)", "(priority|flex)")
TIERS = Named(TIER_NAME, TIER, _tier, what="service tiers: priority, flex")
DEADLINES = Shape(
    "deadlines of a request, as in {headers: 15s, body: 60s}",
    RequestDeadlines,
    {
        "headers": Field(DURATION, "How long a client may take to send its headers. Default 15s."),
        "body": Field(DURATION, "How long it may then take to send the body. Default 60s."),
    },
)
JOURNAL = Shape(
    "the request log, as in {keep: 90d}",
    JournalSettings,
    {"keep": Field(KEEP, "Older requests are pruned; figures and ledger stay. In days, at least 7. Default for ever.")},
)
GATEWAY = Shape(
    "the settings of the gateway",
    GatewaySettings,
    {
        "currency": Field(CURRENCY, "What balances and prices are in; a label, nothing is converted. Default USD."),
        "database": Field(
            DATABASE,
            f"sqlite:///./file.db or postgresql://user:password@host/name. Default {DATABASE_DEFAULT}",
            default=DATABASE_DEFAULT,
        ),
        "drain": Field(DURATION, "How long running requests may go on at shutdown. Default 10m."),
        "deadlines": Field(DEADLINES, "When a request has taken too long to arrive."),
        "service_tiers": Field(TIERS, "Tiers that callers may ask for by `service_tier`, beside the default one."),
        "journal": Field(JOURNAL, "How long requests stay in the log."),
        "electricity": Field(AMOUNT, "What a kWh costs, for margins: 0.30. Default: margins are not told."),
        "trusted_proxies": Field(Many(NETWORK), "Networks whose X-Forwarded-For is believed. Default none."),
    },
    nullable=True,
)
