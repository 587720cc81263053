"""Users for the owner; their money moves at /admin/ledger.

GET /admin/users            all, or by q (a part of the name), sort, limit and cursor
POST /admin/users           {"username", "balance"?, "weight"?, "limits"?} → 201
GET /admin/users/{id}       by id or name
PATCH /admin/users/{id}     {"active"?, "weight"?, "limits"?}; limits are replaced as a whole, null lifts them
"""
