"""A fleet: its list of health endpoints, and what is said about those of them that are not well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

import httpx

from flows.common.health import Health
from resolute import Outcome, TerminalError, node, not_

MOST_HOSTS: Final = 2_000
MOST_NAMED: Final = 100
"""Hosts that are named when many are ill: whoever reads a page at night wants the picture, not the phone book."""


class FleetError(TerminalError):
    """The list of a fleet is empty or too long, or an address in it is not an http(s) address."""


@node(lane="local", effect="pure")
def read_fleet(addresses: str) -> list[str]:
    """The health endpoints of a fleet, each once, in their order.

    Args:
        addresses: up to 2,000 http(s) addresses between spaces or commas.

    Raises:
        FleetError: there are none or too many, or an address is of another kind.

    >>> read_fleet.__wrapped__("https://a.example/health, https://b.example/health")
    ['https://a.example/health', 'https://b.example/health']
    """
    found = list(dict.fromkeys(re.findall(r"[^\s,]+", addresses)))
    if not 0 < len(found) <= MOST_HOSTS:
        raise FleetError(f"a fleet of {len(found)} hosts: set FLEET to 1 to {MOST_HOSTS:,} addresses")
    for position, address in enumerate(found, start=1):
        if not _host(address):
            raise FleetError(f"address {position} of FLEET does not begin with http:// or https:// and a host")
    return found


@node(lane="local", effect="pure")
def name_hosts(addresses: Sequence[str], bad: Sequence[Outcome[Health]]) -> list[str]:
    """A line for each host that is not well: which one, and what is wrong. Beyond 100, the rest is counted.

    >>> ill = Outcome[Health](index=0, ok=True, output=Health(status="critical", message="no disk", component="a"))
    >>> name_hosts.__wrapped__(["https://a.example/health"], [ill])
    ['a.example: no disk']
    """
    lines = [f"{_host(addresses[host.index])}: {_trouble(host)}" for host in bad[:MOST_NAMED]]
    return [*lines, f"and {len(bad) - MOST_NAMED} more"] if len(bad) > MOST_NAMED else lines


def is_bad(host: Outcome[Health]) -> bool:
    """A condition for lists of checks: the host is critical, or could not be checked."""
    return not_(host.ok) | (cast("Health", host.output).status == "critical")


def _trouble(host: Outcome[Health]) -> str:
    if host.output is not None:
        return host.output.message
    return host.failure.message if host.failure else "could not be checked"


def _host(address: str) -> str:
    """The host of an address, with its port but without credentials; empty where the address is of another kind."""
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return ""
    if url.scheme not in ("http", "https") or not url.host:
        return ""
    return f"{url.host}:{url.port}" if url.port else url.host
