"""Everything that can go wrong for a caller, as one family with one renderer.

    GatewayError
    ├── BadRequest 400
    │   ├── ContextTooLong            context_length_exceeded
    │   └── UnsupportedParameter      unsupported_parameter
    ├── KeyInvalid 401                invalid_api_key
    ├── BalanceTooLow 402             insufficient_quota
    ├── Forbidden 403
    │   ├── KeyDisabled               key_disabled
    │   ├── ModelNotAllowed           model_not_allowed
    │   └── AdminRequired             admin_required
    ├── NotFound 404                  not_found
    │   └── ModelUnknown              model_not_found
    ├── MethodNotAllowed 405          method_not_allowed
    ├── Conflict 409                  conflict
    ├── BodyTooLarge 413              body_too_large
    ├── UnsupportedEncoding 415       unsupported_encoding
    ├── IdempotencyMismatch 422       idempotency_mismatch
    ├── RateLimited 429               rate_limit_exceeded
    │   └── BalanceOnHold             balance_on_hold
    ├── Unavailable 503
    │   ├── Overloaded                overloaded
    │   ├── NoBackend                 no_backend
    │   ├── FunctionBroken            no_backend
    │   ├── BillingUnavailable        billing_unavailable
    │   ├── ShuttingDown              shutting_down
    │   └── Stopped                   stopped
    ├── BackendError 502              backend_error
    └── BackendTimeout 504            backend_timeout

Status, type and code are the contract (API_REFERENCE.md, Errors). A message never holds a stack trace, SQL, a path or a
backend's address: whoever raises writes it for the caller.
"""

import math
from collections.abc import Mapping
from typing import Any


class GatewayError(Exception):
    """The base: subclasses set what the caller sees; `internal_error` is what an unforeseen exception becomes."""

    status = 500
    type = "server_error"
    code: str | None = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        """Seconds after which a retry may succeed."""
        self.should_retry = should_retry
        self.extra_headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The OpenAI error envelope: {"error": {message, type, param, code}}."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """`retry-after` in whole seconds, rounded up; above 60 s SDKs are told not to sleep on it (section 7)."""
        found = dict(self.extra_headers)
        should_retry = self.should_retry
        if self.retry_after is not None:
            found["retry-after"] = str(max(1, math.ceil(self.retry_after)))
            if self.retry_after > 60:
                should_retry = False
        if should_retry is not None:
            found["x-should-retry"] = "true" if should_retry else "false"
        return found


class BadRequest(GatewayError):
    """The request cannot be understood or is not allowed to say this."""

    status, type = 400, "invalid_request_error"
    code: str | None = None


class ContextTooLong(BadRequest):
    """The prompt does not fit the model's context."""

    code = "context_length_exceeded"


class UnsupportedParameter(BadRequest):
    """A field that callers may not set here."""

    code = "unsupported_parameter"


class KeyInvalid(GatewayError):
    """No key, a wrong key, an expired or revoked key."""

    status, type, code = 401, "invalid_request_error", "invalid_api_key"


class BalanceTooLow(GatewayError):
    """The balance does not buy even the shortest answer."""

    status, type, code = 402, "insufficient_quota", "insufficient_quota"

    def headers(self) -> dict[str, str]:
        """A retry cannot help before somebody tops up."""
        return {"x-should-retry": "false", **super().headers()}


class Forbidden(GatewayError):
    """The caller is known and may not do this."""

    status, type, code = 403, "permission_error", "forbidden"


class KeyDisabled(Forbidden):
    """The key or its user is switched off."""

    code = "key_disabled"


class ModelNotAllowed(Forbidden):
    """The key or the endpoint does not include this model."""

    code = "model_not_allowed"


class AdminRequired(Forbidden):
    """The admin API without the admin key."""

    code = "admin_required"


class NotFound(GatewayError):
    """No such route or thing; another user's thing looks the same."""

    status, type, code = 404, "invalid_request_error", "not_found"


class ModelUnknown(NotFound):
    """No model of that name."""

    code = "model_not_found"


class MethodNotAllowed(GatewayError):
    """The route exists, the method does not."""

    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class Conflict(GatewayError):
    """It exists already, or an equal request is still running."""

    status, type, code = 409, "invalid_request_error", "conflict"

    def headers(self) -> dict[str, str]:
        """SDKs retry 409 by default; here a retry gives the same answer."""
        return {"x-should-retry": "false", **super().headers()}


class BodyTooLarge(GatewayError):
    """The body is over the endpoint's limit."""

    status, type, code = 413, "invalid_request_error", "body_too_large"


class UnsupportedEncoding(GatewayError):
    """A compressed body."""

    status, type, code = 415, "invalid_request_error", "unsupported_encoding"


class IdempotencyMismatch(GatewayError):
    """The same Idempotency-Key came with another body."""

    status, type, code = 422, "invalid_request_error", "idempotency_mismatch"


class RateLimited(GatewayError):
    """A limit of the endpoint, key, user or model."""

    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class BalanceOnHold(RateLimited):
    """The money is there, held by the caller's own running requests."""

    code = "balance_on_hold"


class Unavailable(GatewayError):
    """Not now; `retry_after` says when."""

    status, type, code = 503, "server_error", "unavailable"

    def __init__(self, message: str, *, retry_after: float = 1, **more: Any) -> None:
        super().__init__(message, retry_after=retry_after, **more)


class Overloaded(Unavailable):
    """The queue is full or the wait too long."""

    code = "overloaded"


class NoBackend(Unavailable):
    """No backend that serves this model answers."""

    code = "no_backend"


class FunctionBroken(Unavailable):
    """The function of this route could not be loaded or failed."""

    code = "no_backend"


class BillingUnavailable(Unavailable):
    """The ledger cannot be written: nothing is sold on trust."""

    code = "billing_unavailable"


class ShuttingDown(Unavailable):
    """The gateway drains."""

    code = "shutting_down"


class Stopped(Unavailable):
    """The owner stopped this request while it ran."""

    code = "stopped"

    def headers(self) -> dict[str, str]:
        """An SDK that tried again by itself would undo what the owner did."""
        return {"x-should-retry": "false", **self.extra_headers}


class BackendError(GatewayError):
    """The backend answered with an error or broke off."""

    status, type, code = 502, "server_error", "backend_error"


class BackendTimeout(GatewayError):
    """The backend did not answer in time."""

    status, type, code = 504, "server_error", "backend_timeout"
