"""Which host a request asks for, and where a browser finds the board."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names of this machine."""


def host_of(request: Request) -> str:
    """The name of the host that a request asks for, without its port."""
    try:
        return (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    return host in LOOPBACK


def origin_of(request: Request, public_url: str | None) -> str:
    """The address at which the browser of a request has the board, without a path: beyond loopback it has HTTPS."""
    asked = urlsplit(f"//{request.headers.get('host', '')}").netloc
    public = urlsplit(public_url or "")
    if public.netloc.lower() == asked.lower():
        return f"{public.scheme}://{asked}"
    return f"{'http' if is_loopback(host_of(request)) else 'https'}://{asked}"


def is_safe(address: str) -> bool:
    """Whether nobody between here and an address can read or change what is said."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
