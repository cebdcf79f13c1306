"""Decides who a request is from, and which hosts the board answers for."""

from __future__ import annotations

import getpass
import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from resolute.plan.errors import ConfigurationError
from resolute.temporal.trust.seals import PlanKeys
from resolute_worker.board.cookies import kept
from resolute_worker.board.hosts import LOOPBACK, host_of
from resolute_worker.board.oidc.client import OidcClient
from resolute_worker.board.oidc.config import oidc_from
from resolute_worker.board.people import ROLES, Person, roles_by_name, tokens_from
from resolute_worker.board.sessions import COOKIE, Session, Sessions
from resolute_worker.board.tries import Tries
from resolute_worker.settings import Settings

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_LONGEST_NAME: Final = 200

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Access:
    """Who may enter.

    Args:
        settings: tokens, OpenID Connect, the header of a trusted proxy, and the names of hosts.
        keys: what sessions are sealed with.
        is_open: whether who sits at this machine needs no login, as in `resolute dev`.

    Raises:
        ConfigurationError: nobody could enter, or a setting cannot be read.
    """

    def __init__(self, settings: Settings, keys: PlanKeys, *, is_open: bool = False) -> None:
        self.tokens = tokens_from(settings.board_token)
        oidc = oidc_from(settings)
        self.oidc = OidcClient(oidc) if oidc else None
        self.sessions = Sessions(keys, [*self.tokens.entries(), *(oidc.entries() if oidc else ())])
        self.tries = Tries()
        self._is_open = is_open
        self._header = settings.board_proxy_header
        self._roles = roles_by_name(settings.board_roles, "RESOLUTE_BOARD_ROLES")
        self._proxies = _networks(settings.board_proxies)
        self._hosts = {*settings.board_hosts, *_named(settings)}
        if not (is_open or self.has_login or self._header):
            raise ConfigurationError(
                "nobody could log in to the board: set RESOLUTE_BOARD_TOKEN (make one with `openssl rand -hex 32`), "
                "RESOLUTE_BOARD_OIDC_ISSUER for OpenID Connect, or RESOLUTE_BOARD_PROXY_HEADER where a proxy says who "
                "somebody is (docs/board.md)"
            )

    @property
    def has_login(self) -> bool:
        """Whether people log in here, and not at a proxy."""
        return bool(self.tokens) or self.oidc is not None

    def secrets(self) -> list[str]:
        """What must never be shown."""
        return [*self.tokens.secrets(), *([self.oidc.config.client_secret.get_secret_value()] if self.oidc else ())]

    def is_own_host(self, request: Request) -> bool:
        """Whether a request names a host that the board is reached at; another site's name may lead to its address."""
        host = host_of(request)
        return host in self._hosts or host in LOOPBACK

    def is_own_origin(self, request: Request) -> bool:
        """Whether a page of the board sent a request, as its browser says."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site") == "same-origin"
        return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()

    def session(self, request: Request) -> Session | None:
        """The session that the browser keeps; None where it keeps none of ours."""
        return self.sessions.read(kept(request, COOKIE))

    def person(self, request: Request, session: Session | None) -> Person | None:
        """Who a request is from; None where nobody knows."""
        if self._is_open and self._is_at_this_machine(request):
            return Person(_user(), frozenset(ROLES))
        if self._header is not None and _is_in(_peer(request), self._proxies):
            names = request.headers.getlist(self._header)
            if len(names) == 1 and (name := names[0].strip()) and len(name) <= _LONGEST_NAME and name.isprintable():
                known = self._roles.get(name) or self._roles.get("*")
                return Person(name, known) if known else None
        return session.person if session else None

    def _is_at_this_machine(self, request: Request) -> bool:
        if any(name in request.headers for name in _FORWARDED):
            return False  # a proxy or a tunnel of this machine brings it from somewhere else
        peer = _peer(request)
        return peer is not None and peer.is_loopback and host_of(request) in LOOPBACK


def _peer(request: Request) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(request.client.host) if request.client else None
    except ValueError:
        return None


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise ConfigurationError(f"RESOLUTE_BOARD_PROXIES: {error}: give addresses such as 10.0.0.0/24") from None


def _named(settings: Settings) -> list[str]:
    """The hosts that other settings name."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    return [name.lower() for name in (public, settings.http_host) if name and name not in ("0.0.0.0", "::")]  # noqa: S104  # no address of a host


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "developer"
