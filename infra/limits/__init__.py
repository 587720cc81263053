"""What a customer was promised per minute, counted exactly.

    limiter = Limiter()
    ticket = limiter.admit([Subject("key:k1", key_limits, "your key"), Subject("total:chat", …)])   # 429, all or none
    ticket.join([Subject("model:m", model_limits, "this model")])   # who is known later; 429, all or none of these
    ticket.reserve(900)      # tokens and a place, with the hold; 429, all or none
    ticket.correct(412)      # what it really took; 0 where nothing was delivered
    ticket.release()         # gives the place back, any number of times
    ticket.headers()         # x-ratelimit-…, {} where nothing is limited

`wire.py` reads and writes the limits of keys and users as JSON.
"""

from infra.limits.limiter import Limiter, Subject, Ticket
from infra.limits.wire import limits_from_json, limits_to_json

__all__ = ["Limiter", "Subject", "Ticket", "limits_from_json", "limits_to_json"]
