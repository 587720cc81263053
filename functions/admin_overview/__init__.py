"""GET /admin/overview?days=1|7|30&sums=: the figures of the house, of the period before, and what runs right now."""
