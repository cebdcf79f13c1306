"""The simulated PagerDuty without its socket: a request goes in, an answer comes out."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl

from resolute.testing.simulating import Faults, Request

from . import (
    analytics,
    business,
    change_events,
    events,
    extensions,
    incident_parts,
    incidents,
    maintenance,
    oncalls,
    orchestrations,
    policies,
    responders,
    schedule_changes,
    schedules,
    services,
    similar,
    status_pages,
    users,
    webhooks,
    workflows,
)
from .api_errors import ApiError
from .auth import Credentials
from .call import Call, Query, Reply, Route
from .delivery import Deliverer, Pace
from .limits import Verdict
from .router import Router
from .state import Account
from .values import without_credentials

TOKENS = "/oauth/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A request that the simulator has seen.

    Attributes:
        query: The query parameters, each with all its values.
        body: The body as text; hidden where it holds a client's secret.
        headers: The headers in lower case, the credential hidden.
        status: The status of the answer; None if a fault let it get no answer.
        fault: The action of the fault that hit it, if any.
    """

    at: datetime
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: str
    status: int | None
    fault: str | None = None


def exchange_token(credentials: Credentials) -> Callable[[Call], Reply]:
    """Return the handler of POST /oauth/token."""

    def handle(call: Call) -> Reply:
        return Reply(200, credentials.exchange(dict(parse_qsl(call.raw.decode())), call.account.now()))

    return handle


class Engine:
    """Routes, authenticates, limits, answers and records."""

    def __init__(self, account: Account, credentials: Credentials, pace: Pace) -> None:
        self.account = account
        self.credentials = credentials
        self.faults = Faults()
        self.deliverer = Deliverer(account, pace)
        self.requests: deque[Recorded] = deque(maxlen=20_000)
        account.listeners.append(self.deliverer.publish)
        self.router = Router(
            (
                *incidents.ROUTES,
                *incident_parts.ROUTES,
                *responders.ROUTES,
                *similar.ROUTES,
                *services.ROUTES,
                *users.ROUTES,
                *policies.ROUTES,
                *oncalls.ROUTES,
                *schedules.ROUTES,
                *schedule_changes.ROUTES,
                *webhooks.ROUTES,
                *change_events.ROUTES,
                *workflows.ROUTES,
                *maintenance.ROUTES,
                *business.ROUTES,
                *orchestrations.ROUTES,
                *status_pages.ROUTES,
                *extensions.ROUTES,
                *analytics.ROUTES,
                *events.ROUTES,
                Route(method="POST", path=TOKENS, handler=exchange_token(credentials), public=True),
            )
        )

    def answer(self, request: Request) -> Reply:
        """Carry out a request and return its answer; everything that has fallen due happens first."""
        call = Call(
            method=request.method,
            path=request.path,
            query=Query(request.query),
            headers=request.headers,
            raw=request.body,
            account=self.account,
        )
        with self.account.changed:
            self.account.settle()
            try:
                reply = self._handle(call)
            except ApiError as error:
                reply = Reply(error.status, error.body)
            self.account.changed.notify_all()
        reply.headers["x-request-id"] = self.account.ids.uuid("request")
        return reply

    def _handle(self, call: Call) -> Reply:
        route, call.params = self.router.find(call.method, call.path)
        if route.public:
            return route.handler(call)
        now = self.account.now()
        call.actor = self.credentials.identify(call.headers.get("authorization"), now)
        verdict = self.account.limits.take(call.actor.name, route.limit, now)
        try:
            reply = self._permitted(route, call, verdict)
        except ApiError as error:
            reply = Reply(error.status, error.body)
        reply.headers.update(verdict.headers)
        return reply

    def _permitted(self, route: Route, call: Call, verdict: Verdict) -> Reply:
        if not verdict.allowed:
            raise ApiError(429, 2020)
        if call.actor.kind == "read_only" and call.method != "GET":
            raise ApiError(403, 2010, "This API key can only read")
        if route.scope and not call.actor.may(route.scope):
            raise ApiError(403, 2010, f"Token requires scope {route.scope}")
        if route.needs_from and call.actor.user_id is None:
            call.actor = replace(call.actor, user_id=self._sender(call.headers.get("from")))
        elif call.method != "GET" and call.actor.user_id is None and (sender := call.headers.get("from")):
            call.actor = replace(call.actor, user_id=self._known_sender(sender))
        return route.handler(call)

    def _sender(self, header: str | None) -> str:
        """Return the id of the user whom a From header names.

        Raises:
            ApiError: 400 if it is missing (2016), malformed (1028) or names nobody (1008).
        """
        if not header or not header.strip():
            raise ApiError(400, 2016)
        if "@" not in header:
            raise ApiError(400, 1028)
        found = self._known_sender(header)
        if found is None:
            raise ApiError(400, 1008)
        return found

    def _known_sender(self, header: str) -> str | None:
        wanted = header.strip().casefold()
        return next((user.id for user in self.account.state.users.values() if user.email.casefold() == wanted), None)

    def record(self, request: Request, status: int | None, fault: str | None) -> None:
        """Write a request into the log."""
        entry = Recorded(
            at=self.account.clock.now(),
            method=request.method,
            path=request.path,
            query=Query(request.query).as_dict(),
            headers=without_credentials(request.headers),
            body="[hidden]" if request.path == TOKENS else request.body.decode("utf-8", "replace"),
            status=status,
            fault=fault,
        )
        with self.account.changed:
            self.requests.append(entry)
            self.account.changed.notify_all()
