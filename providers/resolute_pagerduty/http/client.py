"""Speaks HTTP with PagerDuty. It sends a request once: whether and when it is tried again is for the node's policy."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Final

import httpx

from resolute_pagerduty.errors import UnreachableError
from resolute_pagerduty.http.exchange import Answer, Request

_TIMEOUT: Final = httpx.Timeout(30, connect=10)
_LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=16)
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Client:
    """Connections to PagerDuty, shared by all accounts of a worker."""

    def __init__(self) -> None:
        agent = f"resolute/{version('resolute')}"
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS, headers={"user-agent": agent})

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def send(self, request: Request) -> Answer:
        """Sends a request once and gives whatever was answered, errors too.

        Raises:
            UnreachableError: there was no connection, or no answer in time.
        """
        headers = dict(request.headers)
        content: bytes | None = None
        if request.body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(request.body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
                errors="replace"
            )
        try:
            response = await self._http.request(
                request.method,
                request.base + request.path,
                params=httpx.QueryParams(list(request.query)) if request.query else None,
                headers=headers,
                content=content,
                data=request.form,
            )
        except httpx.HTTPError as error:
            raise _unreachable(request, error) from None
        return Answer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=response.content,
        )


def _unreachable(request: Request, error: httpx.HTTPError) -> UnreachableError:
    if isinstance(error, httpx.LocalProtocolError):  # its text may show a header, and so a credential
        return UnreachableError(f"{request.what}: the request cannot be written as HTTP; nothing was sent", sent=False)
    reason = str(error) or type(error).__name__
    if isinstance(error, _NOT_SENT):
        return UnreachableError(
            f"{request.what}: no connection to {request.base} ({reason}); nothing was sent", sent=False
        )
    return UnreachableError(f"{request.what}: no answer from {request.base} ({reason}); it may have been carried out")
