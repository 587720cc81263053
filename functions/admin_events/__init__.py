"""GET /admin/events: what happens in the house as server-sent events, with the figures of each second."""
