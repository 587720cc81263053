"""Money by the owner's hand, and the proof that it adds up.

GET /admin/ledger                 entries, newest first; ?user= gives one account in its own order
POST /admin/ledger/topups         {"username", "amount", "reason"?}
POST /admin/ledger/adjustments    {"username", "amount" (signed), "reason"}
POST /admin/ledger/refunds        {"request_id", "amount"? (all that is left), "reason"}
GET /admin/ledger/audit           proves every balance from the entries; ?reprice=1 also recomputes every bill,
                                  ?progress=1 tells as server-sent events how far it is

What moves money needs an Idempotency-Key: the same key never moves it twice.
"""
