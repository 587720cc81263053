"""The request log and its figures: queries only, on SQLite and PostgreSQL alike.

    journal = Journal(store)
    page = await journal.page(Filters(user_id=user.id, state="VOID"), cursor=None, limit=50)     # Page[Line]
    line = await journal.get("req_…")                                                           # Line or None
    overview = await journal.overview(days=7, now_us=now_us())                                   # Overview
    rows = await journal.usage_of(user.id, since_us)                                             # list[DayUsage]
    page = await journal.entries(None, cursor=None, limit=100)                                   # Page of rows
    page = await journal.events(cursor=None, limit=100)                                          # Page of rows

`views` and `bill` show rows as JSON, `asked` reads filters from a query string.
The rows are written by the ledger, together with the money; nothing is written here.
"""
