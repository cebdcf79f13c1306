"""What flows meet in tests: HTTP answers on a real port, a Slack with a channel and people; and one call of a node."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from resolute import NodeFactory
from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute_worker.http_server import HttpServer

TOKEN = "xoxb-the-bot-of-the-test"


async def call_node(
    node: NodeFactory[..., Any],
    arguments: dict[str, Any],
    *,
    beats: list[Any] | None = None,
    last: tuple[Any, ...] = (),
) -> Any:
    """Runs one attempt of a node as a worker does; `beats` collects its heartbeats, `last` is what it said before."""
    said: list[Any] = [] if beats is None else beats

    def heartbeat(*details: Any) -> None:
        said[:] = details

    context = CallContext(
        flow="test", run_id="run", step="step", node=node.definition.name, heartbeat=heartbeat, last_heartbeat=last
    )
    return await NodeExecutor([node.definition]).execute(context, arguments)


@dataclass
class Town:
    """Answers for `/health`, a channel at `/channel`, Slack's API below `/api`; it remembers what it was asked.

    `answers` are given in turn, the last one again and again. People are known by e-mail address.
    """

    answers: list[Response] = field(default_factory=lambda: [JSONResponse({"status": "healthy"})])
    channel: list[Response] = field(default_factory=lambda: [PlainTextResponse("ok")])
    people: dict[str, str] = field(default_factory=dict[str, str])
    refuses: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[str] = field(default_factory=list[str])
    posted: list[str] = field(default_factory=list[str])
    sent: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    pushed: list[str] = field(default_factory=list[str])
    url: str = ""

    async def _health(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _channel(self, request: Request) -> Response:
        answer = self.channel.pop(0) if len(self.channel) > 1 else self.channel[0]
        if answer.status_code == 200:
            self.posted.append((await request.json())["text"])
        return answer

    async def _find(self, request: Request) -> Response:
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        user = self.people.get(request.query_params["email"])
        return JSONResponse({"ok": True, "user": {"id": user}} if user else {"ok": False, "error": "users_not_found"})

    async def _message(self, request: Request) -> Response:
        body = await request.json()
        if error := self.refuses.pop(body["channel"], None):
            return JSONResponse({"ok": False, "error": error})
        self.sent.append((body["channel"], body["text"]))
        return JSONResponse({"ok": True})

    async def _push(self, request: Request) -> Response:
        self.pushed.append((await request.body()).decode())
        return PlainTextResponse("", status_code=200)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[Town]:
        """Serves it on a free port."""
        app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/channel", self._channel, methods=["POST"]),
                Route("/api/users.lookupByEmail", self._find),
                Route("/api/chat.postMessage", self._message, methods=["POST"]),
                Route("/metrics/job/incident_metrics", self._push, methods=["PUT"]),
            ]
        )
        async with HttpServer(app, "127.0.0.1", 0) as server:
            self.url = server.url
            yield self
