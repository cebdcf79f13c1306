"""Ports on loopback."""

from __future__ import annotations

import secrets
import socket

from resolute_worker.embedded.command import HOST


def is_free(port: int) -> bool:
    """Whether a server could listen on a port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def free_port(host: str = HOST) -> int:
    """A port that is free now; somebody else may take it before it is used.

    Raises:
        OSError: the host is not an address of this machine.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def hidden_place() -> tuple[str, int] | None:
    """A loopback address that is hard to guess, and a free port on it; None if loopback has only one address."""
    host = f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
    try:
        return host, free_port(host)
    except OSError:
        return None
