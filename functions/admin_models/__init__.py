"""Models and prices for the owner, beside those of gateway.yaml.

GET /admin/models               all that are on sale
POST /admin/models              {"id", "upstream" or "litellm_name", "price_in"?, "price_out"?, "price"?, "max_output"?}
                                201 for a new model, 200 for a changed one; what is left out stays
GET /admin/models/{id:path}     one
DELETE /admin/models/{id:path}  forgets what the owner declared; a model of gateway.yaml is the file's again
GET /admin/prices?model=        every version of a model's prices, newest first; without a model, of all
POST /admin/prices/preview      {"model", "endpoint"?, "price" …, "days"?}: what it would have meant; changes nothing

price_in and price_out are per token; `price` takes every meter as gateway.yaml writes it: {"cached": "0.10/1M"}.
"""
