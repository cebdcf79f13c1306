"""The demo's surroundings: a small service that can fail, and a channel that accepts messages."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

ILLNESS: Final = "Checkout: connection pool exhausted (100 of 100 in use, 50 waiting)"


class Town:
    """A shop with a health endpoint at `/health`, and a Slack-like channel at `/channel`."""

    def __init__(self) -> None:
        self.ill = False
        self.messages: list[str] = []
        self.looked = {"healthy": asyncio.Event(), "critical": asyncio.Event()}
        self.told = asyncio.Event()
        self.app = Starlette(routes=[Route("/health", self._health), Route("/channel", self._take, methods=["POST"])])

    async def _health(self, request: Request) -> Response:
        waiting = 50 if self.ill else 0
        status = "critical" if self.ill else "healthy"
        message = ILLNESS if self.ill else "Checkout: all is well"
        self.looked[status].set()
        return JSONResponse(
            {"status": status, "message": message, "component": "checkout", "metrics": {"waiting": waiting}}
        )

    async def _take(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        self.messages.append(str(body["text"]))
        self.told.set()
        return PlainTextResponse("ok")
