"""The simulated Slack as an application: requests to methods, and faults as Slack words them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from resolute.testing.simulating import Fault, Faults, Reply, Request, SimulatedApp
from resolute.testing.simulating.app import CONTROL
from resolute_slack.simulator.control import controlled
from resolute_slack.simulator.methods import METHODS
from resolute_slack.simulator.state import Asked, SlackSaysError, State

API: Final = "/api/"

_MOST_REQUESTS: Final = 20_000


class App(SimulatedApp):
    """The simulator as an ASGI application."""

    def __init__(self, state: State) -> None:
        super().__init__(Faults())
        self.clicks_url: str | None = None
        self._state = state

    def answer(self, request: Request) -> Reply:
        """Carries out a request."""
        if request.path.startswith(CONTROL):
            return controlled(self._state, self.clicks_url, request)
        name = request.path.removeprefix(API)
        known = METHODS.get(name) if request.path.startswith(API) else None
        if known is None:
            return Reply(404, {"ok": False, "error": "unknown_method"})
        state = self._state
        with state.changed:
            try:
                self._check(request.headers, known.scope)
                found = {"ok": True, **known.answer(state, _arguments(request))}
            except SlackSaysError as error:
                found = {"ok": False, "error": error.code, **error.more}
            state.changed.notify_all()
        return Reply(200, found)

    def record(self, request: Request, status: int | None, fault: str | None) -> None:
        """Writes a request into the log."""
        method = request.path.removeprefix(API)
        asked = Asked(method=method, arguments=_arguments(request), status=status, fault=fault)
        with self._state.changed:
            self._state.requests.append(asked)
            del self._state.requests[:-_MOST_REQUESTS]
            self._state.changed.notify_all()

    def faulty(self, fault: Fault) -> Reply | None:
        """The answer that a fault gives; None if it gives none."""
        if fault.action == "rate_limit":
            waits = {"retry-after": str(fault.reset_seconds)} if fault.with_headers else {}
            return Reply(429, {"ok": False, "error": "ratelimited"}, waits)
        if fault.action != "status":
            return None
        if fault.body is not None:
            return Reply(fault.status, fault.body)
        if fault.status >= 500:
            return Reply(fault.status, f"<html><body><h1>{fault.status}</h1></body></html>")
        return Reply(fault.status, {"ok": False, "error": "invalid_arguments"})

    def _check(self, headers: Mapping[str, str], scope: str) -> None:
        given = headers.get("authorization", "")
        if not given:
            raise SlackSaysError("not_authed")
        if given != f"Bearer {self._state.world.bot_token}":
            raise SlackSaysError("invalid_auth")
        scopes = self._state.scopes
        if scope and scopes is not None and scope not in scopes:
            raise SlackSaysError("missing_scope", needed=scope, provided=",".join(sorted(scopes)))


def _arguments(request: Request) -> Mapping[str, Any]:
    """What a method is given: as JSON, or as a form, or in the address."""
    if "json" in request.headers.get("content-type", ""):
        found: object = json.loads(request.body or b"{}")
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return {**dict(parse_qsl(request.query)), **dict(parse_qsl(request.body.decode("utf-8", "replace")))}
