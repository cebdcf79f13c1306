"""An OpenID Connect issuer on loopback, which signs real tokens; a test may have it sign wrong ones."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

from joserfc.jwk import RSAKey
from joserfc.jwt import encode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from resolute_worker.serving.server import HttpServer

CLIENT: Final = "board"
SECRET: Final = "s3cret-of/the board+client"
KNOWN: Final = f"client_id={CLIENT}&response_type=code&code_challenge_method=S256"
"""What every request of the board has."""

PAGE: Final = (
    '<!doctype html><title>Who are you</title><link rel="icon" href="data:,"><a id="me" href="{}">I am Ada</a>'
)


@dataclass
class Issuer:
    """Knows one client, and admits whoever comes as the person that is set.

    Attributes:
        person: what stands in the tokens besides what every token has.
        elsewhere: what it says of that person when it is asked with the access token.
        change: what a test does to the claims of a token.
        sign: how a token is made of its claims.
        codes: those that nobody has redeemed, with what they were given for.
        asked: how often each page was asked for.
        is_down: whether it answers nothing but errors.
        asks: whether it shows a page on which people log in, or leads back at once.
    """

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict[str, Any])
    elsewhere: dict[str, Any] = field(default_factory=dict[str, Any])
    change: Callable[[dict[str, Any]], None] = lambda _: None
    sign: Callable[[dict[str, Any]], str] | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    asked: list[str] = field(default_factory=list[str])
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    is_down: bool = False
    asks: bool = False
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig", "kid": secrets.token_hex(4)}))

    @classmethod
    @asynccontextmanager
    async def serve(cls, host: str = "127.0.0.1") -> AsyncGenerator[Issuer]:
        """An issuer for the length of an `async with`."""
        issuer = cls(person={"sub": "u-1", "email": "ada@ops.test", "email_verified": True, "groups": ["sre"]})
        async with HttpServer(issuer.app(), "127.0.0.1", 0) as server:
            issuer.url = f"http://{host}:{server.port}"
            yield issuer

    def settings(self, **more: Any) -> dict[str, Any]:
        """The settings of a board that trusts it."""
        return {
            "board_oidc_issuer": self.url,
            "board_oidc_client_id": CLIENT,
            "board_oidc_client_secret": SECRET,
            "board_oidc_roles": "sre:operator+approver, support team:viewer",
            **more,
        }

    def app(self) -> Starlette:
        """What it answers."""
        pages = {
            "/.well-known/openid-configuration": self._configuration,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": self._keys,
            "/userinfo": self._userinfo,
        }
        methods = ["GET", "POST"]
        return Starlette(routes=[Route(path, self._counted(page), methods=methods) for path, page in pages.items()])

    def _counted(self, page: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            self.asked.append(request.url.path)
            if self.is_down:
                return Response("<h1>502 Bad Gateway</h1>", status_code=502)
            answer: Response = await page(request)
            return answer

        return endpoint

    async def _configuration(self, _: Request) -> Response:
        known = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
        }
        return JSONResponse({**known, **self.metadata})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        names = ("client_id", "response_type", "code_challenge_method")
        assert (CLIENT, "code", "S256") == tuple(asked[name] for name in names)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
        if self.asks:
            return HTMLResponse(PAGE.format(escape(back)))
        return RedirectResponse(back, status_code=303)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        known = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        given = tuple(unquote_plus(part) for part in known.partition(":")[::2])
        if (CLIENT, SECRET) not in (given, (form.get("client_id"), form.get("client_secret"))):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["code_challenge"] != challenge.decode().rstrip("=")
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        access = secrets.token_urlsafe(16)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "at_hash": half(access),
            **self.person,
        }
        self.change(claims)
        token = self.sign(claims) if self.sign else self.signed(claims)
        return JSONResponse({"access_token": access, "token_type": "Bearer", "id_token": token})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _userinfo(self, _: Request) -> Response:
        return JSONResponse(self.elsewhere)

    def signed(self, claims: dict[str, Any]) -> str:
        """A token as it should be."""
        return encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


def half(text: str) -> str:
    """The left half of a digest, as `at_hash` has it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")
