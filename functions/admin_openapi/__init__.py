"""GET /admin/openapi.json: the OpenAPI document of every route that this process serves."""
