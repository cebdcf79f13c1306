"""A request to PagerDuty and its answer: bodies of any shape, request ids, waits. Independent of any HTTP library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol, cast

from resolute_pagerduty.errors import PagerDutyAPIError, UnreadableAnswerError, class_for

JsonBody = dict[str, Any]

_LONGEST_WAIT: Final = 300
"""Seconds. A limit's window is a minute; a larger number is not a wait."""

_USUAL_WAIT: Final = timedelta(seconds=15)
"""For a 429 of the REST API that does not say how long to wait: a quarter of the window of rate limits."""

_MEANINGS: Final[Mapping[int, str]] = {
    1003: "status is triggered, acknowledged or resolved",
    1005: "somebody else changed it at the same time",
    1006: "the escalation policy has no further level",
    1007: "an assignee is unknown, or cannot respond to incidents",
    1008: "PAGERDUTY_FROM_EMAIL matches nobody in this account: set it to the login address of one of its users",
    1012: "acknowledge the incident before you snooze it",
    1013: "snooze for 1 to 604800 seconds",
    1014: "look up the escalation policy's id with list_escalation_policies",
    1015: "nobody is on call for the escalation policy",
    1020: "look up the priority's id with list_priorities",
    1028: "PAGERDUTY_FROM_EMAIL is not an email address",
    2004: "since must be before until, both in ISO 8601",
    2005: "incidents can be listed for at most six months at a time; all_incidents splits a longer period",
    2012: "the account has expired",
    2014: "the account's plan does not have this feature",
    2019: "the account has reached a limit of its plan",
}
"""What helps, by PagerDuty's error code. Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/14-Errors.md"""

_FROM_HINT: Final = (
    "an account's API key makes changes as a user: "
    "set PAGERDUTY_FROM_EMAIL to the login address of one of the account's users"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it goes out. `query` has names as PagerDuty spells them, with `[]` for lists.

    `asks` says that it changes nothing, though its method is not GET.
    """

    method: str
    base: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None
    form: Mapping[str, str] | None = None
    asks: bool = False

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET" and not self.asks

    @property
    def what(self) -> str:
        """The request in a few words, for messages."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to a request. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was carried out. The documentation and PagerDuty differ on which 2xx that is."""
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        """What identifies the request for PagerDuty's support."""
        return self.headers.get("x-request-id")

    @property
    def reset(self) -> timedelta | None:
        """How long until the rate limit resets, if the answer says so (seconds, not a point in time)."""
        return _wait(self.headers.get("ratelimit-reset"))

    @property
    def exhausted(self) -> bool:
        """Whether the rate limit has no request left."""
        return self.headers.get("ratelimit-remaining") == "0"

    def json(self, what: str) -> Any:
        """The body as JSON; None if it is empty.

        Raises:
            UnreadableAnswerError: it is not JSON.
        """
        if not self.content.strip():
            return None
        try:
            return json.loads(self.content)
        except ValueError:
            raise UnreadableAnswerError(
                f"{what}: {self.status} with an answer that is not JSON: {_first_line(self.content)!r}{self._trailer}",
                status=self.status,
                request_id=self.request_id,
            ) from None

    @property
    def _trailer(self) -> str:
        return f" [request {self.request_id}]" if self.request_id else ""

    def error(
        self,
        what: str,
        *,
        hint: str = "",
        prefix: str = "PAGERDUTY_",
        usual_wait: timedelta | None = _USUAL_WAIT,
    ) -> PagerDutyAPIError:
        """The error for an answer that is not 2xx.

        Args:
            what: the request, such as `PUT /incidents/P1`.
            hint: what to do about it, if the codes say nothing better.
            prefix: what the names of the account's settings start with.
            usual_wait: for a 429 that does not say how long; None leaves it to the node's policy.
        """
        message, code, details = _told(self.content)
        kind = class_for(self.status)
        text = f"{what}: {self.status} {message or 'without a reason'}"
        text += f" (code {code})" if code is not None else ""
        text += f": {'; '.join(details)}" if details else ""
        advice = (_advice(code, message, details) or hint).replace("PAGERDUTY_", prefix)
        text += f"; {advice}" if advice else ""
        limited = self.status == 429
        asked = self.reset or _wait(self.headers.get("retry-after"))
        return kind(
            text + self._trailer,
            status=self.status,
            code=code,
            errors=details,
            request_id=self.request_id,
            retry_after=(asked or usual_wait) if limited else _wait(self.headers.get("retry-after")),
        )


def _advice(code: int | None, message: str, details: Sequence[str]) -> str:
    # 2016 is "took too long" in the official table, but also the answer to a missing From: the text decides.
    told = " ".join([message, *details]).lower()
    if '"from"' in told and "header" in told and code != 1028:
        return _FROM_HINT
    return _MEANINGS.get(code or 0, "")


def _wait(text: str | None) -> timedelta | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return timedelta(seconds=max(seconds, 1)) if 0 <= seconds <= _LONGEST_WAIT else None


def _told(content: bytes) -> tuple[str, int | None, list[str]]:
    """Message, code and details of an error's body, whichever of the many shapes it has."""
    try:
        body: object = json.loads(content)
    except ValueError:
        return _first_line(content), None, []
    if not isinstance(body, dict):
        return "", None, _texts(body)
    fields = cast("JsonBody", body)
    inner = fields.get("error", fields)
    if not isinstance(inner, dict):
        if isinstance(inner, str):
            description = fields.get("error_description") or fields.get("message")
            return inner, None, _texts(description)
        return "", None, _texts(inner)
    found = cast("JsonBody", inner)
    message, code = found.get("message"), found.get("code")
    known = message if isinstance(message, str) else ""
    return known, code if isinstance(code, int) else None, _texts(found.get("errors"))


def _texts(value: object) -> list[str]:
    match value:
        case None | "":
            return []
        case str():
            return [value]
        case list():
            return [text for item in cast("list[object]", value) for text in _texts(item)]
        case dict():
            fields = cast("dict[str, object]", value)
            return [f"{name}: {text}" for name, inner in fields.items() for text in _texts(inner)]
        case _:
            return [json.dumps(value)]


def _first_line(content: bytes) -> str:
    lines = content.decode("utf-8", "replace").strip().splitlines()
    return lines[0][:200] if lines else ""


class Transport(Protocol):
    """What carries requests."""

    async def send(self, request: Request) -> Answer:
        """Sends a request once and gives whatever was answered, errors too.

        Raises:
            UnreachableError: there was no connection, or no answer in time.
        """
        ...
