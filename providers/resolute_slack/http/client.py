"""Talks to Slack through its own client. It sends a request once: the node's policy decides whether to retry."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.metadata import version
from time import monotonic
from typing import Any, Final, cast

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from resolute.plan.context import check_may_write, current_call, traced_request
from resolute.plan.errors import ResoluteError
from resolute_slack.config import SlackConfig
from resolute_slack.errors import MissingSettingError, UnreachableError, UnreadableAnswerError
from resolute_slack.http.answers import error_of
from resolute_slack.http.methods import Method

JsonBody = dict[str, Any]

LONGEST: Final = 30.0
"""Seconds to wait for an answer, from the connection to its last byte."""

_RESERVE: Final = 2.0
"""Seconds of an attempt, a fifth of a short one, that are left to report that no answer came."""

_MOST: Final = 32
"""Connections at the same time."""

_used: ContextVar[list[bool]] = ContextVar("resolute_slack_used")
"""Whether any part of the request at work in this task has gone out."""


class Client:
    """Connections to one Slack workspace."""

    def __init__(self, config: SlackConfig) -> None:
        self._config = config
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None

    async def open(self) -> None:
        """Opens the connections."""
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_goes_out)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_MOST),
            timeout=aiohttp.ClientTimeout(total=LONGEST),
            trust_env=True,  # a proxy, and what is reached without it, as every other program is told
            trace_configs=[trace],
        )
        quiet = logging.getLogger("resolute_slack.sdk")
        quiet.setLevel(logging.WARNING)  # below it, the SDK logs what messages say
        token = self._config.bot_token
        self._web = AsyncWebClient(
            token=None if token is None else token.get_secret_value(),
            base_url=self._config.api_base,
            session=self._session,
            user_agent_prefix=f"resolute/{version('resolute')}",
            retry_handlers=[],
            logger=quiet,
        )
        self._web.proxy = None  # the session knows it

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()
        self._session = self._web = None

    async def call(self, method: Method, arguments: Mapping[str, Any]) -> JsonBody:
        """Calls a method once, and gives what Slack answers; null arguments are left out.

        It waits for 30 seconds, or less if the attempt of the step ends earlier, so that the step can report what
        happened instead of timing out.

        Raises:
            DryRunError: it may change something, and the step is of a dry run; nothing was sent.
            BrakedError: it may change something, and the brake is on; nothing was sent.
            MissingSettingError: there is no token; nothing was sent.
            UnreachableError: there was no connection, or no answer in time.
            SlackAPIError: Slack refused.
        """
        if not method.reads:
            check_may_write(method.name)
        if self._config.bot_token is None:
            raise MissingSettingError(f"{method.name}: no token for Slack: set SLACK_BOT_TOKEN on the worker")
        if self._web is None:
            raise ResoluteError("this Slack provider is not open: a worker opens it, or `async with provider:`")
        patience = _patience()
        if patience <= 0:
            raise UnreachableError(f"{method.name}: the step has run out of time; nothing was sent", sent=False)
        given = {name: value for name, value in arguments.items() if value is not None}
        content: dict[str, Any] = {"http_verb": "GET", "params": given} if method.reads else {"json": given}
        used: list[bool] = []
        mark = _used.set(used)
        try:
            async with asyncio.timeout(patience):
                with traced_request("GET" if method.reads else "POST", self._config.api_base) as answered:
                    answer = await cast("Any", self._web).api_call(method.name, **content)  # its types are not complete
                    answered(answer.status_code)
        except SlackClientError as error:
            raise _judged(method, getattr(error, "response", None)) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unreachable(method, error, sent=bool(used)) from None
        finally:
            _used.reset(mark)
        return dict(answer.data)


async def _goes_out(*_: object) -> None:
    _used.get([]).append(True)


def _patience() -> float:
    """Seconds to wait for an answer: less than the attempt has left, so that its node can say what happened."""
    try:
        left = current_call().deadline - monotonic()
    except ResoluteError:
        left = math.inf  # not in a step: a click, or a check of the settings
    return min(LONGEST, max(left - _RESERVE, left * 0.8))


def _judged(method: Method, answer: Any) -> Exception:
    """The error of an answer that the SDK does not take; of a broken one it knows no more than the status."""
    status = getattr(answer, "status_code", None) or getattr(answer, "status", None)
    if not isinstance(status, int):
        return UnreadableAnswerError(f"{method.name}: the answer cannot be read")
    data: object = getattr(answer, "data", None)
    headers = {str(name).lower(): str(value) for name, value in dict(answer.headers).items()}
    return error_of(method, status, cast("JsonBody", data) if isinstance(data, dict) else {}, headers)


def _unreachable(method: Method, error: Exception, *, sent: bool) -> UnreachableError:
    reason = type(error).__name__  # never its text, which may show headers
    if not sent:
        return UnreachableError(f"{method.name}: no connection to Slack ({reason}); nothing was sent", sent=False)
    return UnreachableError(f"{method.name}: no answer from Slack ({reason}); it may have been carried out")
