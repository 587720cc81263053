"""GET /admin/endpoints: every function with its routes, guards, limits, state and last hour.

POST /admin/endpoints/{name}/reload imports one function anew, the others untouched.
"""
