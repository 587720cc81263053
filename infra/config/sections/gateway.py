"""`gateway:`, the settings of the process as a whole."""

from infra.config.kinds import Many
from infra.config.leaves import DATABASE, DURATION, NETWORK, word
from infra.config.objects import GatewaySettings
from infra.config.shapes import Field, Shape

DATABASE_DEFAULT = "${DATABASE_URL:-sqlite:///./aethergate.db}"
"""Where the file says nothing, so that DATABASE_URL counts in any case."""
CURRENCY = word("a currency in capitals, as in USD", r"[A-Z]{3,8}")

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
        "trusted_proxies": Field(Many(NETWORK), "Networks whose X-Forwarded-For is believed. Default none."),
    },
    nullable=True,
)
