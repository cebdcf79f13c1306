"""A codec server: decrypts values for Temporal's own pages and commands, which have no keys.

Source: https://docs.temporal.io/production-deployment/data-encryption#codec-server-setup

Whoever reaches it can read everything. So it listens on loopback alone, answers pages of known origins only, and where
there is a token, only who has it. Without a token it answers under this machine's own names only: a page elsewhere
could otherwise take its own name to mean 127.0.0.1 and read the answers.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import DataConverter, PayloadCodec, StorageDriverClaim, StorageDriverRetrieveContext

from resolute.plan.errors import ResoluteError
from resolute.temporal.values.stored import DIGEST, digest_in, stored_in

ORIGINS: Final = ("http://localhost:8233", "http://127.0.0.1:8233")
"""Where Temporal's development server shows its pages."""

_LIMIT: Final = 16 * 1024 * 1024
_NAMES: Final = ("127.0.0.1", "localhost")


class PageCodec(PayloadCodec):
    """Encrypts and decrypts for pages as a converter does, and fetches for them what is stored outside of Temporal."""

    def __init__(self, converter: DataConverter) -> None:
        self._codec = converter.payload_codec
        self._store = stored_in(converter)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload, encrypted; none is stored elsewhere."""
        return await self._codec.encode(payloads) if self._codec else list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload as it was, whether Temporal holds it or a reference to it.

        Raises:
            UnreadablePayloadError: a key or a stored value is missing.
        """
        whole = [await self._fetched(payload) for payload in payloads]
        return await self._codec.decode(whole) if self._codec else whole

    async def _fetched(self, payload: Payload) -> Payload:
        digest = digest_in(payload)
        if not digest or self._store is None:
            return payload
        claim = StorageDriverClaim({DIGEST: digest})
        return (await self._store.retrieve(StorageDriverRetrieveContext(), [claim]))[0]


def codec_app(codec: PayloadCodec, *, origins: Sequence[str] = ORIGINS, token: str | None = None) -> Starlette:
    """The application.

    Args:
        codec: what encrypts and decrypts.
        origins: where the pages come from that may use it.
        token: what everybody must send as `Authorization: Bearer`; None for no token.
    """
    allowed = frozenset(origin.lower().rstrip("/") for origin in origins)

    def said(request: Request, message: str, status: int) -> Response:
        return _shown(request, JSONResponse({"message": message}, status))

    def _shown(request: Request, answer: Response) -> Response:
        if _origin(request) in allowed:
            answer.headers["access-control-allow-origin"] = request.headers["origin"]
            answer.headers["access-control-allow-credentials"] = "true"
        answer.headers["vary"] = "origin"
        answer.headers["cache-control"] = "no-store"
        return answer

    def endpoint(work: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]) -> Any:
        async def answer(request: Request) -> Response:
            if reason := _refusal(request, allowed, token):
                return said(request, *reason)
            if request.method == "OPTIONS":
                return _shown(request, _preflight(request))
            body = await _body(request)
            if body is None:
                return said(request, f"more than {_LIMIT:,} bytes", 413)
            try:
                given = Parse(body, Payloads(), max_recursion_depth=20)
                made = Payloads(payloads=await work(given.payloads))
            except (ParseError, UnicodeDecodeError):
                return said(request, "the body is not Temporal's Payloads as JSON", 400)
            except ResoluteError as error:
                return said(request, str(error), 400)
            return _shown(request, Response(MessageToJson(made, indent=None), media_type="application/json"))

        return answer

    methods = ["POST", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/encode", endpoint(codec.encode), methods=methods),
            Route("/decode", endpoint(codec.decode), methods=methods),
        ]
    )


def _origin(request: Request) -> str:
    return request.headers.get("origin", "").lower()


def _refusal(request: Request, allowed: frozenset[str], token: str | None) -> tuple[str, int] | None:
    """Why a request is not answered, and the status."""
    origin = _origin(request)
    if origin and origin not in allowed:
        return f"pages of {origin[:100]} are not allowed: give `--origin`", 403
    if token is None:
        if request.url.hostname not in _NAMES:
            return f"this is not {str(request.url.hostname)[:100]}: ask at 127.0.0.1", 403
    elif request.method != "OPTIONS" and not hmac.compare_digest(
        request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()
    ):
        return "a bearer token is required", 401
    return None


def _preflight(request: Request) -> Response:
    headers = {
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type,x-namespace,authorization",
        "access-control-max-age": "600",
    }
    if request.headers.get("access-control-request-private-network") == "true":
        headers["access-control-allow-private-network"] = "true"
    return Response(status_code=204, headers=headers)


async def _body(request: Request) -> bytes | None:
    """The body; None if it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LIMIT:
            return None
    return bytes(body)
