"""GET /admin/requests with filters, newest first; GET /admin/requests/{id} with the bill item by item."""
