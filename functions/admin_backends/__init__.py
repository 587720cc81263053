"""GET /admin/backends: every backend with its slots, queue and health; POST /admin/backends/probe looks anew first."""
