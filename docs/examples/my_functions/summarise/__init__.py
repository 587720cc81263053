"""POST /v1/summarise: a text in, its summary out, charged by the tokens that the backend reports."""
