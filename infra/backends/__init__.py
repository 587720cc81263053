"""The servers that run models: adapters that know how each kind speaks, slots, the fair queue, health.

`Pool` gives a `Seat` (a slot at a backend); the seat's adapter prepares and sends a request and hands back a `Reply` in
OpenAI's shape. What `ask` raises tells what may have happened at the backend:

* the `Unavailable` family (`NotSent`, `NoBackend`, `Overloaded`): nothing was generated, another target may be tried;
* `BadRequest` and its kin: the request is wrong, everywhere;
* `BackendError`, `BackendTimeout`: the backend may have worked on it, a second try could generate twice.
"""
