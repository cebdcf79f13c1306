"""How a request authenticates: an API key, an OAuth token, or tokens that an app fetches and renews."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Protocol, TypeAlias, cast

from pydantic import SecretStr

from resolute_pagerduty.account.config import PagerDutyConfig
from resolute_pagerduty.errors import MissingSettingError, UnreadableAnswerError
from resolute_pagerduty.http.exchange import Answer

PostForm: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
"""Posts a form to a path of the server that issues tokens."""

_EARLY: Final = 300
"""How many seconds before its expiry a token is renewed."""

_KEPT: Final = 4
"""How many fetched tokens are remembered: the one in use, and those that calls in progress may still hold."""

_TOKEN_PATH: Final = "/oauth/token"  # noqa: S105  # an address


class Credential(Protocol):
    """The value of the Authorization header."""

    async def header(self) -> str:
        """The header's value."""
        ...

    def judged(self, header: str, *, valid: bool) -> bool:
        """Learns whether PagerDuty accepted a value; says whether another one may do better."""
        ...

    def lacks(self, scope: str | None) -> bool:
        """Whether a scope was requested but not granted."""
        ...

    @property
    def fetched(self) -> Sequence[str]:
        """The most recently fetched tokens, which must not be shown; newest last."""
        ...


class FixedCredential:
    """A key or a token that is never renewed."""

    def __init__(self, value: SecretStr, form: str) -> None:
        self._value = value
        self._form = form

    async def header(self) -> str:
        """The header's value."""
        return self._form.format(self._value.get_secret_value())

    def judged(self, header: str, *, valid: bool) -> bool:
        """No: somebody has to set another one."""
        return False

    def lacks(self, scope: str | None) -> bool:
        """No: what was granted is not known here."""
        return False

    @property
    def fetched(self) -> Sequence[str]:
        """None: it was set, not fetched."""
        return ()


class NoCredential:
    """No credential is set: the REST API cannot be used, events can."""

    async def header(self) -> str:
        """There is none.

        Raises:
            MissingSettingError: always.
        """
        raise MissingSettingError(
            "no credential for PagerDuty's REST API: set PAGERDUTY_API_KEY on the worker, "
            "or PAGERDUTY_CLIENT_ID with PAGERDUTY_CLIENT_SECRET, PAGERDUTY_SUBDOMAIN and PAGERDUTY_SCOPES"
        )

    def judged(self, header: str, *, valid: bool) -> bool:
        """No: there is no other."""
        return False

    def lacks(self, scope: str | None) -> bool:
        """No: nothing was requested."""
        return False

    @property
    def fetched(self) -> Sequence[str]:
        """There is none."""
        return ()


@dataclass(frozen=True)
class _Token:
    value: SecretStr
    scopes: frozenset[str]
    renew_at: float

    @property
    def header(self) -> str:
        return f"Bearer {self.value.get_secret_value()}"


class AppCredential:
    """Tokens of an app with scoped OAuth, fetched with its client id and secret and renewed before they expire.

    PagerDuty may grant fewer scopes than requested without an error, so the answer is compared.

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/app-integration-development/06-OAuth-Functionality.md
    """

    def __init__(self, config: PagerDutyConfig, post: PostForm) -> None:
        self._config = config
        self._post = post
        self._lock = asyncio.Lock()
        self._token: _Token | None = None
        self._refusals = 0
        self._fetched: deque[str] = deque(maxlen=_KEPT)

    @property
    def fetched(self) -> Sequence[str]:
        """The most recently fetched tokens, newest last."""
        return tuple(self._fetched)

    @property
    def granted(self) -> frozenset[str]:
        """The scopes of the current token; none before the first."""
        return frozenset() if self._token is None else self._token.scopes

    async def header(self) -> str:
        """The header's value, with a token that stays valid for some minutes."""
        async with self._lock:
            if self._token is None or monotonic() >= self._token.renew_at:
                self._token = await self._fetch()
            return self._token.header

    def judged(self, header: str, *, valid: bool) -> bool:
        """Whether another token may do better: yes, unless the previous one was also refused."""
        if valid:
            self._refusals = 0
        elif self._token is not None and self._token.header == header:
            self._token = None
            self._refusals += 1
        return self._refusals < 2

    def lacks(self, scope: str | None) -> bool:
        """Whether a scope was requested but not granted."""
        return self._token is not None and scope in self._config.scopes and scope not in self._token.scopes

    async def _fetch(self) -> _Token:
        config = self._config
        asked = monotonic()
        form = {
            "grant_type": "client_credentials",
            "client_id": config.client_id or "",
            "client_secret": config.client_secret.get_secret_value() if config.client_secret else "",
            "scope": " ".join((f"as_account-{config.region}.{config.subdomain}", *config.scopes)),
        }
        answer = await self._post(_TOKEN_PATH, form)
        what = f"POST {_TOKEN_PATH}"
        if not answer.ok:
            raise answer.error(
                what, hint="check PAGERDUTY_CLIENT_ID, _CLIENT_SECRET, _SUBDOMAIN and _REGION: no token was given"
            )
        body: Any = answer.json(what)
        fields = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
        value = fields.get("access_token")
        if not isinstance(value, str) or not value:
            raise UnreadableAnswerError(f"{what}: the answer contains no access_token", status=answer.status)
        self._fetched.append(value)
        lifetime = fields.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, (int, float)) else 3600.0
        return _Token(
            value=SecretStr(value),
            scopes=frozenset(str(fields.get("scope", "")).split()),
            renew_at=asked + max(seconds - _EARLY, seconds / 2),
        )


def credential_of(config: PagerDutyConfig, post: PostForm) -> Credential:
    """The credential that the settings describe."""
    if config.api_key is not None:
        return FixedCredential(config.api_key, "Token token={}")
    if config.oauth_token is not None:
        return FixedCredential(config.oauth_token, "Bearer {}")
    if config.client_id is not None:
        return AppCredential(config, post)
    return NoCredential()
