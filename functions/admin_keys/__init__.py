"""API keys for the owner. A key itself is shown once, in the answer that made it.

GET /admin/keys                 all, or those of ?user=, in ?state=, by q, limit and cursor
POST /admin/keys                {"username", "name"?, "rate_limit"?, "limits"?, "models"?, "expires"?, "owner"?} → 201
GET /admin/keys/{id}            by id or by the prefix that lists show
PATCH /admin/keys/{id}          the same fields but username, and "active"; null lifts limits, models and expiry
DELETE /admin/keys/{id}         revokes, for good
POST /admin/keys/{id}/rotate    {"grace"?: "1h"} → 201: a new key like the old one, which ends after the grace
"""
