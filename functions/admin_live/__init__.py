"""What runs and waits right now, over all processes.

GET /admin/live                   every request in flight and in the queues, the oldest first
POST /admin/live/{id}/stop        {"reason"?}: ends one; what was delivered until then is charged
"""
