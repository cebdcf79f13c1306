"""Everything that can go wrong between a node and PagerDuty.

resolute.NodeError
├── PagerDutyAPIError               PagerDuty refused, or did not answer; retried unless it is a RefusedError
│   ├── UnreachableError                no connection, or no answer in time
│   ├── UnsettledError                  PagerDuty may still be processing a request of an earlier attempt
│   ├── UnreadableAnswerError           an answer that is not what the documentation promises
│   ├── RequestTimeoutError             408
│   ├── RateLimitedError                429; `retry_after` is what PagerDuty said
│   ├── TokenExpiredError               401 for an OAuth token; it is renewed for the next attempt
│   ├── ServerError                     500 and every other 5xx
│   │   ├── BadGatewayError                 502
│   │   ├── ServiceUnavailableError         503
│   │   └── GatewayTimeoutError             504
│   └── RefusedError                    every other 4xx: the same request would be refused again (a TerminalError)
│       ├── BadRequestError                 400
│       ├── UnauthorizedError               401
│       ├── MissingAbilityError             402
│       ├── ForbiddenError                  403
│       ├── NotFoundError                   404
│       ├── MethodNotAllowedError           405
│       ├── ConflictError                   409
│       ├── TooLargeError                   413
│       └── UnprocessableError              422
└── TerminalError
    ├── InvalidRequestError             PagerDuty's documentation rules out the value; found before anything was sent
    ├── ReopenRefusedError              the change would reopen a resolved incident, which nobody asked for
    ├── BulkPartError                   a part of a bulk change was refused after others were applied
    ├── UncertainOutcomeError           it may have been done, and doing it twice would do harm
    └── MissingSettingError             a credential or address that the request needs is not set

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/14-Errors.md
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from resolute.plan.errors import NodeError, TerminalError


class PagerDutyAPIError(NodeError):
    """PagerDuty refused, or did not answer.

    Attributes:
        status: the HTTP status; None if there was no answer.
        code: PagerDuty's own error code, such as 2001; None if the answer has none.
        errors: the details, one text each.
        request_id: identifies the request for PagerDuty's support.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        code: int | None = None,
        errors: Sequence[str] = (),
        request_id: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.errors = tuple(errors)
        self.request_id = request_id
        super().__init__(message, retry_after=retry_after)


class UnreachableError(PagerDutyAPIError):
    """There was no connection to PagerDuty, or no answer in time.

    `sent` says whether the request may still have been carried out.
    """

    def __init__(self, message: str = "", *, sent: bool = True, retry_after: timedelta | None = None) -> None:
        self.sent = sent
        super().__init__(message, retry_after=retry_after)


class UnsettledError(PagerDutyAPIError):
    """PagerDuty may still be processing a request that an earlier attempt of the step sent; nothing was sent."""


class UnreadableAnswerError(PagerDutyAPIError):
    """PagerDuty's answer is not what its documentation promises."""


class RequestTimeoutError(PagerDutyAPIError):
    """408: the request took PagerDuty too long."""


class RateLimitedError(PagerDutyAPIError):
    """429: too many requests; PagerDuty did not carry this one out."""


class TokenExpiredError(PagerDutyAPIError):
    """401 for an OAuth token; it is renewed for the next attempt."""


class ServerError(PagerDutyAPIError):
    """5xx: PagerDuty is in trouble."""


class BadGatewayError(ServerError):
    """502: PagerDuty is in trouble."""


class ServiceUnavailableError(ServerError):
    """503: PagerDuty is in trouble."""


class GatewayTimeoutError(ServerError):
    """504: PagerDuty is in trouble."""


class RefusedError(PagerDutyAPIError, TerminalError):
    """PagerDuty refuses this request, and would refuse it again."""


class BadRequestError(RefusedError):
    """400: something in the request is wrong."""


class UnauthorizedError(RefusedError):
    """401: the credential is missing, wrong or revoked, or belongs to the other region."""


class MissingAbilityError(RefusedError):
    """402: the account's plan does not have this feature."""


class ForbiddenError(RefusedError):
    """403: the credential may not do this."""


class NotFoundError(RefusedError):
    """404: it does not exist, or the credential may not see it."""


class MethodNotAllowedError(RefusedError):
    """405: PagerDuty does not know this operation."""


class ConflictError(RefusedError):
    """409: the request conflicts with the current state."""


class TooLargeError(RefusedError):
    """413: more than PagerDuty accepts in one request."""


class UnprocessableError(RefusedError):
    """422: PagerDuty understands the request but cannot process it."""


class InvalidRequestError(TerminalError):
    """PagerDuty's documentation rules out the value; nothing was sent.

    `field` names the argument.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


class ReopenRefusedError(TerminalError):
    """The change would reopen a resolved incident, which nobody asked for."""


class BulkPartError(TerminalError):
    """A part of a bulk change was refused after earlier parts were applied."""


class UncertainOutcomeError(TerminalError):
    """It may have been done, nothing shows whether it was, and doing it twice would do harm."""


class MissingSettingError(TerminalError):
    """A credential or address that the request needs is not set on the worker."""


_CLASSES: Final[dict[int, type[PagerDutyAPIError]]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    402: MissingAbilityError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    408: RequestTimeoutError,
    409: ConflictError,
    413: TooLargeError,
    422: UnprocessableError,
    429: RateLimitedError,
    502: BadGatewayError,
    503: ServiceUnavailableError,
    504: GatewayTimeoutError,
}


def class_for(status: int) -> type[PagerDutyAPIError]:
    """The class of an HTTP status that is not 2xx.

    >>> class_for(429).__name__, class_for(418).__name__, class_for(599).__name__
    ('RateLimitedError', 'RefusedError', 'ServerError')
    """
    known = _CLASSES.get(status)
    if known is not None:
        return known
    if status >= 500:
        return ServerError
    return RefusedError if status >= 400 else UnreadableAnswerError
