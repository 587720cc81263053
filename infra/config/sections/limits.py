"""`limits:` of endpoints and models."""

from infra.config.leaves import DURATION, RATE, SIZE, whole
from infra.config.objects import Limits
from infra.config.shapes import Field, Shape

_WHAT = "limits, as in {requests: 60/m}"
_WINDOWS = {
    "requests": Field(RATE, "Requests in a sliding window: 60/m (per s, m, h or d)."),
    "tokens": Field(RATE, "Tokens of prompt and answer in a sliding window: 200K/m."),
    "concurrent": Field(whole("how many requests at once", 1, 1_000_000), "Requests at once."),
}
_TOTAL = {"total": Field(Shape(_WHAT, Limits, _WINDOWS), "The same for all callers together; the others are per key.")}

MODEL_LIMITS = Shape(_WHAT, Limits, {**_WINDOWS, **_TOTAL})
"""A model is known only after the body was read, so `body` and `time` are the endpoint's alone."""
LIMITS = Shape(
    _WHAT,
    Limits,
    {
        **_WINDOWS,
        "body": Field(SIZE, "The largest body of a request. Default 8MB."),
        "time": Field(DURATION, "How long one request may take in all: 10m."),
        **_TOTAL,
    },
)
