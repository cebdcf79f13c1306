"""The simulated PagerDuty as an application: requests to the engine, and faults as PagerDuty words them."""

from __future__ import annotations

from resolute.testing.simulating import Fault, Reply, Request, SimulatedApp

from . import background
from .api_errors import MESSAGES, ApiError
from .engine import Engine


class App(SimulatedApp):
    """The simulator as an ASGI application."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.faults)
        self._engine = engine

    def answer(self, request: Request) -> Reply:
        """Carry out a request."""
        return self._engine.answer(request)

    def record(self, request: Request, status: int | None, fault: str | None) -> None:
        """Write a request into the log."""
        self._engine.record(request, status, fault)

    def faulty(self, fault: Fault) -> Reply | None:
        """Return the answer that a fault gives; None if it gives none."""
        if fault.action == "rate_limit":
            if not fault.with_headers:
                return Reply(429)
            headers = {
                "ratelimit-limit": "960",
                "ratelimit-remaining": "0",
                "ratelimit-reset": str(fault.reset_seconds),
            }
            return Reply(429, ApiError(429, 2020).body, headers)
        if fault.action != "status":
            return None
        if fault.body is not None:
            return Reply(fault.status, fault.body)
        if fault.status in (502, 503, 504):
            return Reply(fault.status, f"<html><body><h1>{fault.status}</h1></body></html>")
        code = {401: 2006, 403: 2010, 404: 2100, 429: 2020}.get(fault.status, 2000 if fault.status >= 500 else 2001)
        return Reply(fault.status, {"error": {"message": MESSAGES[code], "code": code}})

    async def background(self) -> None:
        """Deliver webhooks and let time do its work."""
        await background.run(self._engine)
