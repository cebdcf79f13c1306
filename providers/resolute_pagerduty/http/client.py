"""Talks HTTP to PagerDuty. It sends a request once: the node's policy decides whether and when to retry."""

from __future__ import annotations

import asyncio
import json
import math
from importlib.metadata import version
from time import monotonic
from typing import Any, Final

import httpx

from resolute.plan.context import check_may_write, current_call, traced_request
from resolute.plan.errors import ResoluteError
from resolute_pagerduty.errors import UnreachableError
from resolute_pagerduty.http.exchange import Answer, Request

LONGEST: Final = 30.0
"""Seconds to wait for an answer, from the connection to its last byte."""

_CONNECT: Final = 10.0
_RESERVE: Final = 2.0
"""Seconds of an attempt, a fifth of a short one, that are left to report that no answer came."""

_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16)


class Client:
    """Connections to PagerDuty, shared by all accounts of a worker."""

    def __init__(self) -> None:
        agent = f"resolute/{version('resolute')}"
        timeout = httpx.Timeout(LONGEST, connect=_CONNECT)
        self._http = httpx.AsyncClient(timeout=timeout, limits=_LIMITS, headers={"user-agent": agent})

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def send(self, request: Request) -> Answer:
        """Sends a request once and returns whatever the answer is, including errors.

        It waits for 30 seconds, or less if the attempt of the step ends earlier, so that the step can report what
        happened instead of timing out.

        Raises:
            DryRunError: it may change something, and the step is of a dry run; nothing was sent.
            UnreachableError: there was no connection, or no answer in time.
        """
        if request.writes:
            check_may_write(request.what)
        headers = dict(request.headers)
        content: bytes | None = None
        if request.body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(request.body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
                errors="replace"
            )
        patience = _patience()
        if patience <= 0:
            raise UnreachableError(f"{request.what}: the step has run out of time; nothing was sent", sent=False)
        wire = _Wire()
        try:
            async with asyncio.timeout(patience):
                with traced_request(request.method, request.base) as answered:
                    response = await self._http.request(
                        request.method,
                        request.base + request.path,
                        params=httpx.QueryParams(list(request.query)) if request.query else None,
                        headers=headers,
                        content=content,
                        data=request.form,
                        extensions={"trace": wire.trace},
                    )
                    answered(response.status_code)
        except httpx.HTTPError as error:
            raise _unreachable(request, error, sent=wire.used) from None
        except TimeoutError:
            waited = httpx.ReadTimeout(f"none within {patience:.3g} s")
            raise _unreachable(request, waited, sent=wire.used) from None
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
        )


class _Wire:
    """Whether any part of a request has gone out, as httpcore reports it."""

    used = False

    async def trace(self, event: str, _: Any) -> None:
        if event.endswith("send_request_headers.started"):
            self.used = True


def _patience() -> float:
    """Seconds to wait for an answer: less than the attempt has left, so that its node can say what happened."""
    try:
        left = current_call().deadline - monotonic()
    except ResoluteError:
        left = math.inf  # not in a step: a check of the settings
    return min(LONGEST, max(left - _RESERVE, left * 0.8))


def _unreachable(request: Request, error: httpx.HTTPError, *, sent: bool) -> UnreachableError:
    if isinstance(error, httpx.LocalProtocolError):  # its text may show a header, which may be a credential
        return UnreachableError(f"{request.what}: the request cannot be written as HTTP; nothing was sent", sent=False)
    reason = str(error) or type(error).__name__
    if not sent:
        return UnreachableError(
            f"{request.what}: no connection to {request.base} ({reason}); nothing was sent", sent=False
        )
    return UnreachableError(f"{request.what}: no answer from {request.base} ({reason}); it may have been carried out")
