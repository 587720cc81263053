"""The pages, in the order of the navigation; a new page is one module and one line here."""

from ..frame import Page
from . import audit, backends, config, endpoints, keys, models, overview, playground, requests, users

PAGES = (
    Page("/", "Overview", "space_dashboard", overview.build),
    Page("/requests", "Requests", "receipt_long", requests.build),
    Page("/users", "Users", "group", users.build),
    Page("/keys", "Keys", "key", keys.build),
    Page("/models", "Models & prices", "sell", models.build),
    Page("/backends", "Backends", "dns", backends.build),
    Page("/endpoints", "Endpoints", "alt_route", endpoints.build),
    Page("/config", "Config", "description", config.build),
    Page("/audit", "Audit", "fact_check", audit.build),
    Page("/playground", "Playground", "forum", playground.build),
)
