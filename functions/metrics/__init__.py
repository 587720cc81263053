"""GET /metrics: this process's figures in Prometheus's text format, for the admin key."""
