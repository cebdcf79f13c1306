"""The issuer: where it is asked for what, and the keys that it signs with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, cast

from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from resolute_worker.board.hosts import is_safe
from resolute_worker.board.oidc.asking import ask
from resolute_worker.board.oidc.config import OidcConfig
from resolute_worker.board.oidc.errors import IssuerError

FRESH: Final = 3_600.0
"""Seconds after which the issuer is asked anew for its addresses and keys."""

AGAIN: Final = 30.0
"""Seconds between two looks for a key that is not among those known."""

_ASYMMETRIC: Final = ("RSA", "EC")


class Addresses(BaseModel):
    """Where the issuer is asked for what (OpenID Connect Discovery 1.0, section 3)."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Issuer:
    """Knows an issuer by its configuration, asked for once an hour."""

    def __init__(self, config: OidcConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self._clock = clock
        self._lock = asyncio.Lock()
        self._addresses: tuple[float, Addresses] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def addresses(self) -> Addresses:
        """Where it is asked for what.

        Raises:
            IssuerError: it cannot be asked, or is not the issuer that is set.
        """
        async with self._lock:
            if self._addresses is None or self._clock() - self._addresses[0] >= FRESH:
                self._addresses = self._clock(), await self._discovered()
            return self._addresses[1]

    async def keys(self, *, older_than: float = FRESH) -> KeySet:
        """The keys that it signs with.

        Raises:
            IssuerError: it cannot be asked, or has no key that could sign.
        """
        known = await self.addresses()
        async with self._lock:
            if self._keys is None or self._clock() - self._keys[0] >= older_than:
                self._keys = self._clock(), await self._asked_for_keys(known)
            return self._keys[1]

    async def _discovered(self) -> Addresses:
        config = self.config
        answer = await ask(f"{config.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            found = Addresses.model_validate(answer.said)
        except ValidationError:
            raise IssuerError(
                f"{config.host} does not describe itself at /.well-known/openid-configuration (it answers "
                f"{answer.status}): is RESOLUTE_BOARD_OIDC_ISSUER the address of the issuer?"
            ) from None
        if found.issuer != config.issuer:
            raise IssuerError(
                f"the issuer calls itself {found.issuer[:200]}: set RESOLUTE_BOARD_OIDC_ISSUER to just that, or to the "
                "issuer that is meant"
            )
        places = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        if unsafe := [place for place in places if place and not is_safe(place)]:
            raise IssuerError(f"the issuer names {unsafe[0][:200]}, which is not https://")
        return found

    async def _asked_for_keys(self, known: Addresses) -> KeySet:
        answer = await ask(known.jwks_uri)
        listed = cast("list[Any]", found) if isinstance(found := answer.said.get("keys"), list) else []
        # A key that both sides know can sign nothing here: with the public key as an HMAC key, everybody could sign.
        keys = [cast("dict[str, Any]", key) for key in listed if isinstance(key, dict)]
        signing: list[Any] = [key for key in keys if key.get("kty") in _ASYMMETRIC and key.get("use") != "enc"]
        try:
            return KeySet.import_key_set({"keys": signing})
        except (JoseError, ValueError, KeyError, TypeError):
            raise IssuerError(f"{self.config.host} shows no key at {known.jwks_uri[:200]} that could sign") from None
