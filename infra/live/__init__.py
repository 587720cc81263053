"""What runs right now, over all processes of one database, and the stopping of one request.

A process alone on its database answers from memory. Among others each one looks once a second, in the pulse, whether
somebody asks (one SELECT of an empty table); only while an owner looks does it write what runs there.
"""
