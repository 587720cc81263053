"""GET /v1/models and GET /v1/models/{id:path}: the models that this key may use, with context, prices and abilities."""
