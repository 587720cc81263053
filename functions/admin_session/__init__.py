"""Sessions of the control room.

POST /admin/session      exchanges the admin key for a token that ends after 8 hours
DELETE /admin/session    ends the session whose token this is sent with
"""
