"""Everything that can go wrong between a node and Slack.

resolute.NodeError
├── SlackAPIError                   Slack refused, or did not answer; retried unless it is a RefusedError
│   ├── UnreachableError                no connection, or no answer in time
│   ├── UnsettledError                  Slack may still be at work on a request of an earlier attempt
│   ├── UnreadableAnswerError           an answer that is not what the documentation promises
│   ├── RateLimitedError                429; `retry_after` is what Slack said
│   ├── TroubleError                    a 5xx, or `internal_error` and its like; it may have been carried out
│   └── RefusedError                    every other error: the same request would be refused again (a TerminalError)
│       ├── NotFoundError                   there is no such person, channel or message, or the app cannot see it
│       └── NotAllowedError                 the token is wrong, or lacks a scope
└── TerminalError
    ├── InvalidRequestError             Slack's documentation rules out the value; found before anything was sent
    └── MissingSettingError             a token or secret that the request needs is not set

Source: https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

from datetime import timedelta

from resolute.plan.errors import NodeError, TerminalError


class SlackAPIError(NodeError):
    """Slack refused, or did not answer.

    Attributes:
        code: Slack's own word for it, such as `channel_not_found`; empty if there is none.
        status: the HTTP status; None if there was no answer.
    """

    def __init__(
        self, message: str = "", *, code: str = "", status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        self.code = code
        self.status = status
        super().__init__(message, retry_after=retry_after)


class UnreachableError(SlackAPIError):
    """There was no connection to Slack, or no answer in time.

    `sent` says whether the request may still have been carried out.
    """

    def __init__(self, message: str = "", *, sent: bool = True, retry_after: timedelta | None = None) -> None:
        self.sent = sent
        super().__init__(message, retry_after=retry_after)


class UnsettledError(SlackAPIError):
    """Slack may still be at work on a request that an earlier attempt of the step sent; nothing was sent."""


class UnreadableAnswerError(SlackAPIError):
    """Slack's answer is not what its documentation promises."""


class RateLimitedError(SlackAPIError):
    """429: too many requests; Slack did not carry this one out."""


class TroubleError(SlackAPIError):
    """Slack is in trouble. It may have carried the request out, or a part of it."""


class RefusedError(SlackAPIError, TerminalError):
    """Slack refuses this request, and would refuse it again."""


class NotFoundError(RefusedError):
    """There is no such person, channel or message, or the app cannot see it."""


class NotAllowedError(RefusedError):
    """The token is wrong or revoked, or lacks a scope."""


class InvalidRequestError(TerminalError):
    """Slack's documentation rules out the value; nothing was sent.

    `field` names the argument.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(f"{field}: {message}")


class MissingSettingError(TerminalError):
    """A token or secret that the request needs is not set on the worker."""


def may_be_done(error: SlackAPIError) -> bool:
    """Whether a request that failed like this may have been carried out."""
    if isinstance(error, UnreachableError):
        return error.sent
    return isinstance(error, (TroubleError, UnreadableAnswerError))
