"""What the worker answers over HTTP: webhooks, heartbeats, links to gates, and health checks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from resolute.plan.errors import ResoluteError
from resolute.temporal.client.links import PATH
from resolute.temporal.workflows.meters import Meters
from resolute_worker.boarding import BOARD
from resolute_worker.serving.beats import Beats
from resolute_worker.serving.deliveries import Deliveries
from resolute_worker.serving.gate_pages import GatePages
from resolute_worker.serving.health import Health
from resolute_worker.serving.inlets import Inlets
from resolute_worker.serving.intake import BusyError, Held, Intake
from resolute_worker.serving.outcomes import Outcome, Result
from resolute_worker.serving.refusals import LONGEST_BODY, Refusal

if TYPE_CHECKING:
    from resolute_worker.tracing import Tracing

RETRY_AFTER: Final = "5"

BODY_SECONDS: Final = 30.0
_BEATEN_BY: Final = ("GET", "HEAD", "POST")
_A_HEARTBEAT: Final = "a heartbeat"
_WEIGHT: Final[Sequence[Result]] = (
    "unavailable",
    "started",
    "replaced",
    "queued",
    "told",
    "heard",
    "skipped",
    "duplicate",
    "ignored",
    "malformed",
    "too_large",
    "refused",
)
"""Which of several flows' outcomes answers a delivery: the sender retries if any of them needs it to."""


class _TooLargeError(ResoluteError):
    """A body is larger than any flow behind its path accepts."""


def http_app(
    deliveries: Deliveries,
    health: Health,
    intake: Intake | None = None,
    gates: GatePages | None = None,
    board: ASGIApp | None = None,
    beats: Beats | None = None,
    inlets: Inlets | None = None,
    meters: Meters | None = None,
    tracing: Tracing | None = None,
) -> ASGIApp:
    """The application of one worker."""
    intake, meters = intake or Intake(), meters or Meters()
    webhook = _answered(_webhook(deliveries, intake), deliveries, meters, tracing)
    beat = _beat(beats, intake) if beats else None

    async def whatever_listens(request: Request) -> Response:
        if beats and beat and beats.hears(request.url.path):
            return await beat(request)
        return await webhook(request)

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(
        routes=[
            Route("/livez", _health(health.live)),
            Route("/readyz", _health(health.ready)),
            Route("/startupz", _health(health.started)),
            *([Route(f"{PATH}{{token}}", gates.answer, methods=methods)] if gates else []),
            *(inlets.routes() if inlets else []),
            Route("/{path:path}", whatever_listens, methods=methods),
        ]
    )
    return app if board is None else beside_board(board, app)


def beside_board(board: ASGIApp, app: ASGIApp) -> ASGIApp:
    """A board at its own paths, and another application at all others."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_board = scope["type"] == "http" and f"{scope['path']}/".startswith(BOARD)
        await (board if is_board else app)(scope, receive, send)

    return both


def refusal(deliveries: Deliveries, intake: Intake, beats: Beats, meters: Meters) -> Refusal:
    """Refuses deliveries and beats while too many are in flight, before the application is entered."""
    said = b'{"error":"%s"}' % str(BusyError()).encode()
    head = f"503 Service Unavailable\r\nRetry-After: {RETRY_AFTER}\r\nContent-Type: application/json"
    answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (head.encode(), len(said), said)

    def refuse(path: str) -> bytes | None:
        if not intake.is_full or (deliveries.limit(path) is None and not beats.hears(path)):
            return None
        # Not the path of a heartbeat, which may hold a token.
        known = _A_HEARTBEAT if deliveries.limit(path) is None else path
        intake.note_refusal(known)
        meters.count("resolute_webhook_answers", path=known, status="503")
        return answer

    return refuse


def _answered(
    endpoint: Callable[[Request], Awaitable[Response]], deliveries: Deliveries, meters: Meters, tracing: Tracing | None
) -> Callable[[Request], Awaitable[Response]]:
    """Counts and traces the answers to deliveries; what is sent where nobody listens is nobody's delivery."""

    async def counted(request: Request) -> Response:
        known = deliveries.limit(request.url.path) is not None
        answer = await (tracing.delivery(request, endpoint) if tracing and known else endpoint(request))
        if known:
            meters.count("resolute_webhook_answers", path=request.url.path, status=str(answer.status_code))
        return answer

    return counted


def _busy(error: BusyError) -> Response:
    return JSONResponse({"error": str(error)}, status_code=503, headers={"Retry-After": RETRY_AFTER})


def _health(ask: Callable[[], Awaitable[str | None]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        reason = await ask()
        if reason is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "unavailable", "reason": reason}, status_code=503)

    return endpoint


def _webhook(deliveries: Deliveries, intake: Intake) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        path = request.url.path
        limit = deliveries.limit(path)
        if limit is None:
            return JSONResponse({"error": "no flow listens here"}, status_code=404)
        if request.method != "POST":
            return JSONResponse({"error": "use POST"}, status_code=405, headers={"Allow": "POST"})
        try:
            intake.check(path)
            with intake.body(path) as held:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await _body(request, limit, held)
                with intake.delivery(path):
                    outcomes = await _while_connected(request, deliveries.deliver(path, request.headers, body))
        except BusyError as error:
            return _busy(error)
        except _TooLargeError:
            return JSONResponse(
                {"error": f"more than {limit:,} bytes"}, status_code=413, headers={"Connection": "close"}
            )
        except TimeoutError:
            return JSONResponse({"error": "the body took too long"}, status_code=408, headers={"Connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        return _answer(outcomes)

    return endpoint


def _beat(beats: Beats, intake: Intake) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method not in _BEATEN_BY:
            said = {"error": f"use {', '.join(_BEATEN_BY)}"}
            return JSONResponse(said, status_code=405, headers={"Allow": ", ".join(_BEATEN_BY)})
        try:
            intake.check(_A_HEARTBEAT)
            # What a script posts along is read, so that it sees the answer, and forgotten.
            async with asyncio.timeout(BODY_SECONDS):
                ended = await _passed_over(request)
            with intake.delivery(_A_HEARTBEAT):
                outcomes = await beats.beat(request.url.path, request.headers)
        except BusyError as error:
            return _busy(error)
        except TimeoutError:
            return JSONResponse({"error": "the body took too long"}, status_code=408, headers={"Connection": "close"})
        except ClientDisconnect:
            return Response(status_code=400)
        answer = _answer(outcomes)
        if not ended:
            answer.headers["Connection"] = "close"
        return answer

    return endpoint


async def _passed_over(request: Request) -> bool:
    """Reads a body without keeping it; whether it has ended within the bound."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LONGEST_BODY:
            return False
    return True


async def _while_connected(request: Request, work: Coroutine[Any, Any, list[Outcome]]) -> list[Outcome]:
    """The result of the work; it is cancelled if the sender disconnects, who then delivers again.

    Raises:
        ClientDisconnect: the sender disconnected.
    """

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _body(request: Request, limit: int, held: Held) -> bytes:
    """The body, never more of it than the limit."""
    announced = request.headers.get("content-length", "")
    too_large = announced.isdigit() and int(announced) > limit
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if too_large or size > limit:
            too_large = True
            chunks.clear()
            if size > limit + LONGEST_BODY:
                break
        else:
            held.add(len(chunk))
            chunks.append(chunk)
    if too_large:
        raise _TooLargeError
    return b"".join(chunks)


def _answer(outcomes: list[Outcome]) -> Response:
    first = min(outcomes, key=lambda outcome: _WEIGHT.index(outcome.result))
    headers = {"Retry-After": RETRY_AFTER} if first.status == 503 else {}
    if first.result in ("unavailable", "malformed", "too_large", "refused"):
        said = first.detail or {"unavailable": "try again", "refused": "the delivery is not verified"}[first.result]
        return JSONResponse({"error": said}, status_code=first.status, headers=headers)
    if first.answer is not None:
        return JSONResponse(dict(first.answer), status_code=202)
    runs = [
        {"flow": outcome.flow, "status": outcome.result, **({"run": outcome.run} if outcome.run else {})}
        for outcome in outcomes
        if outcome.result not in ("unavailable", "malformed", "too_large", "refused")
    ]
    return JSONResponse({"status": first.result, "flows": runs}, status_code=first.status)
