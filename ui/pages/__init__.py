"""The pages, in the order of the navigation; a new page is one module and one line here."""

from ..frame import Page
from . import (
    audit,
    backends,
    config,
    endpoints,
    keys,
    live,
    model,
    models,
    overview,
    playground,
    requests,
    user,
    users,
)

PAGES = (
    Page("/", "Overview", "space_dashboard", overview.build, "Business", "o"),
    Page("/live", "Live", "bolt", live.build, "Business", "l"),
    Page("/requests", "Requests", "receipt_long", requests.build, "Business", "r"),
    Page("/users", "Users", "group", users.build, "Business", "u"),
    Page("/users/{user:path}", "User", "person", user.build, under="/users"),
    Page("/keys", "Keys", "key", keys.build, "Business", "k"),
    Page("/models", "Models & prices", "sell", models.build, "Machines", "m"),
    Page("/models/{model:path}", "Model", "sell", model.build, under="/models"),
    Page("/backends", "Backends", "dns", backends.build, "Machines", "b"),
    Page("/endpoints", "Endpoints", "alt_route", endpoints.build, "Machines", "e"),
    Page("/config", "Config", "description", config.build, "House", "c"),
    Page("/audit", "Audit", "fact_check", audit.build, "House", "a"),
    Page("/playground", "Playground", "forum", playground.build, "House", "p"),
)
