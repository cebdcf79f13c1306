"""Quick diagnostics when an incident begins: which parts answer, and how fast."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict

from resolute import Retry, TerminalError, node

PROBE_TIMEOUT: Final = 5.0
MOST_TARGETS: Final = 50


class TargetError(TerminalError):
    """A target of diagnostics is neither an http(s) address nor `tcp://host:port`."""


class Probe(BaseModel):
    """What one target answered."""

    model_config = ConfigDict(frozen=True)

    target: str
    ok: bool
    answer: str
    seconds: float


class Diagnostics(BaseModel):
    """All probes, and a summary of them for people: the targets that do not answer first."""

    model_config = ConfigDict(frozen=True)

    summary: str
    probes: tuple[Probe, ...]


@node(timeout=timedelta(seconds=60), retry=Retry(attempts=3), effect="read")
async def gather_diagnostics(targets: str) -> Diagnostics:
    """Probes every target once, all at the same time, each for five seconds at most.

    A target that does not answer is what is looked for, so it never fails the node.

    Args:
        targets: at most 50 addresses between spaces or commas: `https://shop.example.com/health tcp://db.internal:5432`.

    Raises:
        TargetError: an address is of another kind, or there are too many of them.

    >>> gather_diagnostics("https://shop.example.com/health").as_("diagnostics").output.summary
    diagnostics.summary
    """
    urls = [_url(target) for target in re.split(r"[\s,]+", targets.strip()) if target]
    if not 0 < len(urls) <= MOST_TARGETS:
        raise TargetError(f"{len(urls)} targets to probe: give 1 to {MOST_TARGETS}")
    async with httpx.AsyncClient(timeout=PROBE_TIMEOUT) as client:

        async def get(url: httpx.URL) -> tuple[bool, str]:
            answer = await client.get(url)
            return not answer.is_error, str(answer.status_code)

        probes = await asyncio.gather(*(_probe(url, _connect if url.scheme == "tcp" else get) for url in urls))
    return Diagnostics(summary=_summary(probes), probes=tuple(probes))


def _url(target: str) -> httpx.URL:
    try:
        url = httpx.URL(target)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.host and (url.scheme in ("http", "https") or (url.scheme == "tcp" and url.port)):
        return url
    raise TargetError("a target is neither an http(s) address nor tcp://host:port: correct the list of targets")


async def _connect(url: httpx.URL) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.close()
    return True, "takes connections"


async def _probe(url: httpx.URL, look: Callable[[httpx.URL], Awaitable[tuple[bool, str]]]) -> Probe:
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            ok, answer = await look(url)
    except (TimeoutError, httpx.TimeoutException):
        ok, answer = False, f"no answer within {PROBE_TIMEOUT:g} s"
    except (OSError, httpx.TransportError) as error:
        ok, answer = False, f"cannot be reached ({type(error).__name__})"
    # Without user and password: what stands here ends in a note that many people read.
    shown = str(url.copy_with(userinfo=b"", query=None))
    return Probe(target=shown, ok=ok, answer=answer, seconds=round(time.perf_counter() - begun, 3))


def _summary(probes: list[Probe]) -> str:
    failed = [probe for probe in probes if not probe.ok]
    head = (
        f"{len(failed)} of {len(probes)} targets do not answer well" if failed else f"All {len(probes)} targets answer"
    )
    lines = [
        f"- {'ok    ' if probe.ok else 'FAILED'} {probe.target}: {probe.answer} ({probe.seconds * 1000:.0f} ms)"
        for probe in sorted(probes, key=lambda probe: probe.ok)
    ]
    return "\n".join([f"{head}:", *lines])
