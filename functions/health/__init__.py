"""GET /health (200 while it serves, what is wrong in the body), /health/live, /health/ready (503 while it is not)."""
