"""What Slack's answers mean: which error may pass, which will not, and what helps.

Slack answers 200 with `"ok": false` for most of what goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from resolute_slack.errors import (
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    SlackAPIError,
    TroubleError,
    UnreadableAnswerError,
)
from resolute_slack.http.methods import Method

_LONGEST_WAIT: Final = 3600
"""Seconds. A larger number is not a wait."""

_USUAL_WAIT: Final = timedelta(seconds=10)
"""For a 429 that does not say how long to wait."""

_IN_TROUBLE: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "unknown_error"}
)
"""Errors after which Slack may have done some of it. Source: the table of errors of each method."""

_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})

_NOT_FOUND: Final = frozenset(
    {
        "channel_not_found",
        "message_not_found",
        "thread_not_found",
        "user_disabled",
        "user_not_found",
        "users_not_found",
        "user_not_visible",
        "cannot_dm_bot",
    }
)

_NOT_ALLOWED: Final = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
        "ekm_access_denied",
        "restricted_action",
    }
)

_HELPS: Final[Mapping[str, str]] = {
    "channel_not_found": "is the name or id right? A private channel is found only once the app has been invited",
    "not_in_channel": "invite the app to the channel (`/invite`), or give it the scope chat:write.public",
    "is_archived": "the channel is archived",
    "invalid_auth": "SLACK_BOT_TOKEN is not valid",
    "not_authed": "SLACK_BOT_TOKEN is not valid",
    "account_inactive": "the app has been removed from the workspace",
    "token_revoked": "install the app again and set SLACK_BOT_TOKEN anew",
    "token_expired": "SLACK_BOT_TOKEN has expired: turn token rotation off, or renew it",
    "users_not_found": "nobody in the workspace has that address",
    "message_not_found": "the message is not there, or has been deleted",
    "cant_update_message": "only the app that has posted a message may change it",
    "edit_window_closed": "the workspace allows changes for a time only",
    "msg_too_long": "the text is longer than Slack accepts",
    "msg_blocks_too_long": "the blocks are larger than Slack accepts",
    "invalid_blocks": "Slack does not accept the blocks: try them in its Block Kit Builder",
    "restricted_action": "a rule of the workspace forbids it",
}


def error_of(method: Method, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> SlackAPIError:
    """The error that an answer is. Names of headers are in lower case."""
    given = body.get("error")
    code = given if isinstance(given, str) else ""
    said = f"{method.name}: Slack says {code}" if code else f"{method.name}: Slack answers {status}"
    if status == 429 or code in _LIMITED:
        wait = _wait(headers)
        return RateLimitedError(f"{said}; wait for {wait.total_seconds():g} s", code=code, status=429, retry_after=wait)
    if status >= 500 or code in _IN_TROUBLE:
        wait = _wait(headers) if "retry-after" in headers else None
        return TroubleError(f"{said}; it may have been carried out", code=code, status=status, retry_after=wait)
    if not code and status < 400:
        return UnreadableAnswerError(f"{said}, and nothing that its documentation promises", status=status)
    kind = NotFoundError if code in _NOT_FOUND else NotAllowedError if code in _NOT_ALLOWED else RefusedError
    return kind(f"{said}{_help(method, code, body)}", code=code, status=status)


def _help(method: Method, code: str, body: Mapping[str, Any]) -> str:
    if code == "missing_scope":
        needed = body.get("needed")
        scope = needed if isinstance(needed, str) and needed else method.scope
        return f": give the app the scope {scope} and install it again"
    helps = _HELPS.get(code, "")
    match body.get("response_metadata"):
        case {"messages": [*told]}:
            more = "; ".join(str(cast("object", each)) for each in told[:3])[:300]
        case _:
            more = ""
    return "".join(f": {each}" for each in (helps, more) if each)


def _wait(headers: Mapping[str, str]) -> timedelta:
    given = headers.get("retry-after", "")
    if given.isdigit() and int(given) <= _LONGEST_WAIT:
        return timedelta(seconds=int(given))
    return _USUAL_WAIT
