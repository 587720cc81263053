"""The pages, in the order of the navigation; a new page is one module and one line here."""

from ..frame import Page
from . import backends, keys, models, overview, requests, users

PAGES = (
    Page("/", "Overview", "space_dashboard", overview.build),
    Page("/requests", "Requests", "receipt_long", requests.build),
    Page("/users", "Users", "group", users.build),
    Page("/keys", "Keys", "key", keys.build),
    Page("/models", "Models & prices", "sell", models.build),
    Page("/backends", "Backends", "dns", backends.build),
)
