"""The board as a client of the issuer: leads people there, and learns who came back."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from authlib.oauth2.client import OAuth2Client  # pyright: ignore[reportMissingTypeStubs]  # authlib has no types
from joserfc.jwk import KeySet

from resolute_worker.board.oidc.asking import Answer, ask
from resolute_worker.board.oidc.claims import is_complete, person_from
from resolute_worker.board.oidc.config import OidcConfig
from resolute_worker.board.oidc.errors import IssuerError, LoginRefusedError
from resolute_worker.board.oidc.issuer import AGAIN, Issuer
from resolute_worker.board.oidc.tokens import UnknownKeyError, verified
from resolute_worker.board.oidc.visits import Visit
from resolute_worker.board.people import Person

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Logins that are verified at a time; others wait."""

_LONGEST_CODE: Final = 4_000


class OidcClient:
    """Logs people in with OpenID Connect."""

    def __init__(
        self, config: OidcConfig, clock: Callable[[], float] = time.time, since: Callable[[], float] = time.monotonic
    ) -> None:
        self.config = config
        self.issuer = Issuer(config, since)
        self._clock = clock
        self._few = asyncio.Semaphore(AT_ONCE)

    async def look(self) -> None:
        """Says in the log, when the board begins, if nobody could log in now."""
        try:
            await self.issuer.keys()
        except IssuerError as error:
            log.warning("nobody can log in to the board with OpenID Connect: %s", error)

    async def address(self, visit: Visit, redirect_uri: str) -> str:
        """Where somebody proves who they are.

        Raises:
            IssuerError: the issuer cannot be asked where that is.
        """
        known = await self.issuer.addresses()
        client: Any = OAuth2Client(
            None,
            client_id=self.config.client_id,
            redirect_uri=redirect_uri,
            scope=self.config.scopes,
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            known.authorization_endpoint, state=visit.state, code_verifier=visit.verifier, nonce=visit.nonce
        )
        return str(url)

    async def person(self, visit: Visit, query: Mapping[str, str], redirect_uri: str) -> Person:
        """Who came back from the issuer, as it says itself in exchange for the code in the address.

        Raises:
            LoginRefusedError: nobody has proved who they are, or who it is has no role.
            IssuerError: the issuer cannot be asked, or does not know the board.
        """
        if not hmac.compare_digest(visit.state.encode(), query.get("state", "").encode()):
            raise LoginRefusedError("this login was not begun here")
        if query.get("iss", self.config.issuer) != self.config.issuer:
            raise LoginRefusedError("another issuer has answered")  # RFC 9207
        if error := query.get("error"):
            said = f"{_short(error)} {_short(query.get('error_description'))}"
            raise LoginRefusedError(f"{self.config.host} says {said.rstrip()}")
        if not (code := query.get("code", "")) or len(code) > _LONGEST_CODE:
            raise LoginRefusedError(f"{self.config.host} has sent no code")
        async with self._few:
            answer = await self._exchanged(code, visit, redirect_uri)
            id_token, access_token = answer.said.get("id_token"), answer.said.get("access_token")
            if not isinstance(id_token, str):
                raise IssuerError(f"{self.config.host} has sent no ID token: does the client have the scope openid?")
            access = access_token if isinstance(access_token, str) else None
            claims = await self._believed(id_token, visit, access)
            if not is_complete(claims, self.config) and access:
                claims = {**await self._more(access, claims["sub"]), **claims}
        return person_from(claims, self.config)

    async def _exchanged(self, code: str, visit: Visit, redirect_uri: str) -> Answer:
        known, config = await self.issuer.addresses(), self.config
        secret = config.client_secret.get_secret_value()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": visit.verifier,
        }
        methods = known.token_endpoint_auth_methods_supported
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            form |= {"client_id": config.client_id, "client_secret": secret}
            answer = await ask(known.token_endpoint, form=form)
        else:  # both are written as in a form (RFC 6749, section 2.3.1)
            answer = await ask(known.token_endpoint, form=form, auth=(quote_plus(config.client_id), quote_plus(secret)))
        if answer.status == 200:
            return answer
        error, more = _short(answer.said.get("error")), _short(answer.said.get("error_description"))
        if error == "invalid_grant":
            raise LoginRefusedError(f"{config.host} does not take the code, which is good for once and not for long")
        if error in ("invalid_client", "unauthorized_client"):
            raise IssuerError(
                f"{config.host} does not know the board ({error}): RESOLUTE_BOARD_OIDC_CLIENT_ID or "
                "RESOLUTE_BOARD_OIDC_CLIENT_SECRET is wrong"
            )
        raise IssuerError(f"{config.host} answered {answer.status} in exchange for the code: {error} {more}".rstrip())

    async def _believed(self, token: str, visit: Visit, access: str | None) -> Mapping[str, Any]:
        def by(keys: KeySet) -> Mapping[str, Any]:
            return verified(token, keys, self.config, nonce=visit.nonce, access_token=access, now=self._clock())

        try:
            return by(await self.issuer.keys())
        except UnknownKeyError:  # it may have another key since
            return by(await self.issuer.keys(older_than=AGAIN))

    async def _more(self, access: str, subject: str) -> Mapping[str, Any]:
        """What the issuer says of somebody beside the ID token: many send groups there alone."""
        known = await self.issuer.addresses()
        if known.userinfo_endpoint is None:
            return {}
        answer = await ask(known.userinfo_endpoint, headers={"authorization": f"Bearer {access}"})
        # Of somebody else, it must not be used (OpenID Connect Core 1.0, section 5.3.2).
        return answer.said if answer.status == 200 and answer.said.get("sub") == subject else {}


def _short(text: object) -> str:
    """What an issuer says, in a line."""
    return "".join(each for each in str(text or "")[:200] if each.isprintable())
