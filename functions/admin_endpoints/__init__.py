"""GET /admin/endpoints: every function with its routes, guards, limits and state."""
