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
from resolute_slack import Slack, SlackConfig
from resolute_slack.simulator import Simulator
from resolute_slack.testing import simulated_config
from resolute_worker.serving.server import HttpServer

CHANNEL = "#ops"


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
    """Answers for `/health` and `/webhook`, and a Slack with a channel; it remembers what it was asked.

    `answers` are given in turn, the last one again and again.
    """

    answers: list[Response] = field(default_factory=lambda: [JSONResponse({"status": "healthy"})])
    asked: list[str] = field(default_factory=list[str])
    pushed: list[str] = field(default_factory=list[str])
    url: str = ""
    office: Simulator = field(default_factory=Simulator)
    slack: Slack = field(default_factory=lambda: Slack(SlackConfig()))

    @property
    def posted(self) -> list[str]:
        """What the channel has read, oldest first."""
        return [message.says for message in self.office.messages(CHANNEL)]

    @property
    def sent(self) -> list[tuple[str, str]]:
        """The direct messages: to whom, and what."""
        with self.office.state.changed:
            users, channels = self.office.state.users, self.office.state.channels.values()
            of = {each.id: users[each.user].email for each in channels if each.user}
        return [(of[message.channel], message.says) for message in self.office.messages() if message.channel in of]

    def knows(self, *emails: str) -> None:
        """Has people of these addresses in the workspace."""
        for email in emails:
            self.office.add_user(email, email.partition("@")[0])

    async def _health(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _webhook(self, request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _push(self, request: Request) -> Response:
        self.pushed.append((await request.body()).decode())
        return PlainTextResponse("", status_code=200)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[Town]:
        """Serves it on a free port."""
        app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/webhook", self._webhook, methods=["POST"]),
                Route("/metrics/job/incident_metrics", self._push, methods=["PUT"]),
            ]
        )
        async with HttpServer(app, "127.0.0.1", 0) as server, Simulator.serve() as self.office:
            self.url = server.url
            async with Slack(simulated_config(self.office)) as self.slack:
                yield self
