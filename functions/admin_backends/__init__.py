"""The servers behind.

GET /admin/backends                   every backend with its slots, queue, health and last hour
POST /admin/backends/probe            the same, after a look at each of them
PATCH /admin/backends/{name}          {"drain": true}: nothing new is sent to it; false: again
GET /admin/backends/{name}/events     what happened to one of them, newest first
"""
