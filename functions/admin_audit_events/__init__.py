"""GET /admin/audit-events: who changed what, from where, newest first."""
