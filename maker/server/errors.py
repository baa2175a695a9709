"""Which HTTP status and OpenAI error type each failure has; the one table.

Clients retry on what they see here: one popular client asks up to 24 times when the type is `server_error` or
`rate_limit_exceeded`, so neither is ever sent. 429 and 503 carry Retry-After.
"""

from maker.chat.encode import error_body
from maker.errors import (
    ContextOverflow,
    KeyInUse,
    MakerError,
    ModelError,
    ModelHTTPError,
    ModelNotFound,
    ModelReplyError,
    ModelTimeout,
    ModelUnavailable,
    PipelineError,
    Refused,
    RequestError,
    RunCancelled,
    StoreError,
    TooBusy,
)

TABLE: dict[type[MakerError], tuple[int, str]] = {
    Refused: (403, "invalid_request_error"),
    ModelNotFound: (404, "invalid_request_error"),
    ContextOverflow: (400, "invalid_request_error"),
    KeyInUse: (409, "invalid_request_error"),
    TooBusy: (429, "rate_limit_error"),
    RequestError: (400, "invalid_request_error"),
    ModelUnavailable: (503, "unavailable_error"),
    ModelTimeout: (504, "timeout_error"),
    ModelHTTPError: (502, "upstream_error"),
    ModelReplyError: (502, "upstream_error"),
    ModelError: (502, "upstream_error"),
    RunCancelled: (409, "cancelled_error"),
    PipelineError: (502, "pipeline_error"),
    StoreError: (503, "unavailable_error"),
    MakerError: (500, "internal_error"),
}

INTERNAL = MakerError("something went wrong inside maker; `maker logs` has the details")
INTERNAL.code = "internal_error"


def classify(error: MakerError) -> tuple[int, str]:
    """Status and error type, looked up along the failure's ancestors."""
    if isinstance(error, Refused):
        return error.status, TABLE[Refused][1]
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def body(error: MakerError) -> dict[str, object]:
    """The OpenAI error object; the same before the first byte and in the middle of a stream."""
    param = error.param if isinstance(error, RequestError) else None
    return error_body(str(error), type=classify(error)[1], code=error.code, param=param)


def headers(error: MakerError) -> dict[str, str]:
    """Retry-After where a retry may help."""
    wait = error.retry_after_s if isinstance(error, TooBusy | ModelUnavailable) else None
    return {} if wait is None else {"Retry-After": str(wait)}
