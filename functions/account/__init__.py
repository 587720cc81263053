"""What callers may know of themselves.

GET /v1/account             balance, limits, the key that asks and the other keys of the same user
GET /v1/account/usage       ?days=30: sums, by day, model and key
GET /v1/account/requests    own requests, newest first; filters as at /admin/requests, but no user
"""
