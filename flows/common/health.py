"""The result of a health check, and the check of an HTTP health endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, cast

import httpx
from pydantic import BaseModel, ConfigDict

from resolute import Retry, TerminalError, node

CONFIRM_PAUSE: Final = 2.0
"""Seconds between two checks of something that does not answer."""

PROBE_TIMEOUT: Final = 8.0

_HEALTHY: Final = frozenset({"healthy", "ok", "up", "pass", "passed", "green", "serving", "available"})
_STRAINED: Final = frozenset({"degraded", "warn", "warning", "yellow", "starting", "maintenance"})
_CRITICAL: Final = frozenset(
    {"critical", "unhealthy", "down", "fail", "failed", "failing", "error", "red", "unavailable", "out_of_service"}
)


class Health(BaseModel):
    """The health of one thing. What works, though not as well as it should, is healthy; the message says more.

    `metrics` are figures of the thing itself, and `latency_ms` of the look at it.
    """

    model_config = ConfigDict(frozen=True)

    status: Literal["healthy", "critical"]
    message: str
    component: str
    metrics: dict[str, float] = {}


class UnknownHealthError(TerminalError):
    """A health endpoint answers with something that says neither healthy nor critical."""


class UnhealthyError(TerminalError):
    """Something is critical, and the flow may not go on."""


@node(lane="local", effect="pure")
def require_health(health: Health) -> Health:
    """Fails the run where something is critical, so that what the run has done is undone.

    Raises:
        UnhealthyError: it is critical.
    """
    if health.status == "critical":
        raise UnhealthyError(health.message)
    return health


@node(lane="local", effect="pure")
def remember(status: str) -> str:
    """Keeps a status for the next run, which reads it with `previous(...)`.

    A monitor takes this step after it has resolved and before it pages. So a resolve that fails is tried again by the
    next healthy run, and a page is resolved whatever fails after it.
    """
    return status


@node(timeout=timedelta(seconds=60), retry=Retry(attempts=3), effect="read")
async def check_http_health(url: str, confirm: int = 3) -> Health:
    """Asks a health endpoint about its service.

    The endpoint answers with JSON: `{"status": "healthy", "message": "...", "component": "...", "metrics": {...}}`, of
    which only `status` has to be there; usual words for it (ok, up, pass, warn, down, fail) are understood. An endpoint
    that cannot be reached, takes longer than eight seconds or answers 5xx is critical only if `confirm` looks in a row,
    two seconds apart, find it so: one lost packet wakes nobody.

    Raises:
        UnknownHealthError: the answer is no health at all, such as a redirect, a 404 or another word: mend the monitor.

    >>> check_http_health("https://shop.example.com/health").as_("health").output.status
    health.status
    """
    component = httpx.URL(url).host
    async with httpx.AsyncClient(timeout=PROBE_TIMEOUT) as client:
        found = await _look(client, url, component)
        for _ in range(confirm - 1):
            if isinstance(found, Health):
                return found
            await asyncio.sleep(CONFIRM_PAUSE)
            found = await _look(client, url, component)
    if isinstance(found, Health):
        return found
    return Health(status="critical", message=f"{component} {found.reason}", component=component)


@dataclass(frozen=True)
class _Silence:
    """The endpoint said nothing about its service."""

    reason: str


async def _look(client: httpx.AsyncClient, url: str, component: str) -> Health | _Silence:
    begun = time.perf_counter()
    try:
        answer = await client.get(url, headers={"Accept": "application/json"})
    except httpx.TimeoutException:
        return _Silence(f"does not answer within {PROBE_TIMEOUT:g} s")
    except httpx.TransportError as error:
        return _Silence(f"cannot be reached ({type(error).__name__})")
    return _read(answer, component, (time.perf_counter() - begun) * 1000)


def _read(answer: httpx.Response, component: str, latency: float) -> Health | _Silence:
    body, took = _body(answer), {"latency_ms": round(latency, 1)}
    if not body and answer.is_server_error:
        return _Silence(f"answers {answer.status_code}")
    if not body:
        raise UnknownHealthError(
            f"{component} answers {answer.status_code} and no JSON with a status: is this its health endpoint?"
        )
    word = str(body["status"])
    part = str(body.get("component") or component)
    return Health(
        status=_status(word, part),
        message=str(body.get("message") or f"{part} is {word}"),
        component=part,
        metrics={**_numbers(body.get("metrics")), **took},
    )


def _body(answer: httpx.Response) -> Mapping[str, Any]:
    """The JSON object in an answer if it names a status, else nothing."""
    try:
        found: object = answer.json()
    except ValueError:
        return {}
    match found:
        case {"status": str()}:
            return cast("Mapping[str, Any]", found)
        case _:
            return {}


def _status(word: str, component: str) -> Literal["healthy", "critical"]:
    known = word.strip().lower().replace(" ", "_")
    if known in _CRITICAL:
        return "critical"
    if known in _HEALTHY or known in _STRAINED:
        return "healthy"
    raise UnknownHealthError(f"{component} says its status is {word!r}: healthy, degraded or critical is understood")


def _numbers(metrics: object) -> dict[str, float]:
    if not isinstance(metrics, Mapping):
        return {}
    items = cast("Mapping[object, object]", metrics).items()
    return {
        str(name): float(value)
        for name, value in items
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
