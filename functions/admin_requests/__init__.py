"""GET /admin/requests with filters, newest first; GET /admin/requests/{id} with the bill item by item;
GET /admin/requests/export?format=csv|jsonl with the same filters, all of it as a file."""
