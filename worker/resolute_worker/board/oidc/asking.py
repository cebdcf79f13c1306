"""Asks the issuer over HTTP: bounded in size and time, and never led elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import httpx

from resolute_worker.board.oidc.errors import IssuerError

SECONDS: Final = 10.0
"""How long an answer may take."""

LARGEST: Final = 512 * 1024
"""Bytes of an answer that are read."""


@dataclass(frozen=True)
class Answer:
    """What an issuer has said."""

    status: int
    said: Mapping[str, Any]


async def ask(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> Answer:
    """Asks for a JSON object; a form is posted.

    Raises:
        IssuerError: there is no answer, or it is no JSON object.
    """
    host = httpx.URL(url).host
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SECONDS), httpx.AsyncClient(timeout=SECONDS) as http:
            asked = {"accept": "application/json", **(headers or {})}
            credentials = httpx.BasicAuth(*auth) if auth else None
            method = "GET" if form is None else "POST"
            async with http.stream(method, url, data=form, headers=asked, auth=credentials) as answer:
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > LARGEST:
                        raise IssuerError(f"{host} answered with more than {LARGEST:,} bytes")
                    chunks.append(chunk)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        said = type(error).__name__
        raise IssuerError(f"{host} cannot be reached ({said}): try again, or look at it and at the network") from None
    try:
        said = json.loads(b"".join(chunks))
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise IssuerError(f"{host} answered {answer.status_code} without a JSON object at {httpx.URL(url).path}")
    return Answer(answer.status_code, cast("dict[str, Any]", said))
