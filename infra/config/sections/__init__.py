"""The table of gateway.yaml, one section a file: every key, what it may be, and what editors show about it."""
