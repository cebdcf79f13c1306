"""The primary of a PostgreSQL cluster that Patroni runs: who it is, and how another member becomes it.

Source: https://patroni.readthedocs.io/en/latest/rest_api.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from resolute import NodeError, Retry, SecretText, TerminalError, node

READ_TIMEOUT: Final = 10.0
SWITCH_TIMEOUT: Final = 100.0
"""Seconds: Patroni answers only when the old primary has stopped and the new one has taken over."""
MOST_LAG: Final = 16 * 1024 * 1024
"""Bytes that a replica may be behind when it is to become the primary."""


class PatroniError(NodeError):
    """Patroni does not answer, or is not there yet."""


class HandoverRefusedError(TerminalError):
    """The primary cannot be moved to that member as things are."""


class Member(BaseModel):
    """A member of a cluster, as Patroni shows it. `lag` is in bytes, or `unknown`."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: str
    state: str = ""
    lag: int | str | None = None

    @property
    def leads(self) -> bool:
        """Whether it is the primary."""
        return self.role in ("leader", "master", "primary")

    @property
    def works(self) -> bool:
        """Whether its PostgreSQL runs and, on a replica, follows the primary."""
        return self.state in ("running", "streaming", "in archive recovery")


class Handover(BaseModel):
    """Which member is the primary, and which one is to become it. `lag` is how many bytes that one is behind."""

    model_config = ConfigDict(frozen=True)

    leader: str
    candidate: str
    lag: int


class _Cluster(BaseModel):
    members: tuple[Member, ...] = ()

    @property
    def leader(self) -> str:
        return next((member.name for member in self.members if member.leads), "")


@node(timeout=timedelta(seconds=30), retry=Retry(attempts=5, initial=1, maximum=10), effect="read")
async def plan_handover(patroni_url: str, candidate: str) -> Handover:
    """Sees whether a replica can become the primary: it runs, follows, and is less than 16 MiB behind.

    Raises:
        HandoverRefusedError: it cannot.
    """
    cluster = await _cluster(patroni_url)
    found = next((member for member in cluster.members if member.name == candidate), None)
    if found is None:
        names = ", ".join(member.name for member in cluster.members)
        raise HandoverRefusedError(f"the cluster has no member {candidate!r}, it has {names or 'none'}")
    if not cluster.leader:
        raise HandoverRefusedError("the cluster has no primary at the moment: Patroni elects one by itself")
    if found.leads:
        raise HandoverRefusedError(f"{candidate} is the primary already")
    if not found.works:
        raise HandoverRefusedError(f"{candidate} is {found.state or 'in an unknown state'}, and does not follow")
    if not isinstance(found.lag, int) or found.lag > MOST_LAG:
        behind = f"{found.lag} bytes" if isinstance(found.lag, int) else "nobody knows how far"
        raise HandoverRefusedError(f"{candidate} is {behind} behind: let it catch up first")
    return Handover(leader=cluster.leader, candidate=candidate, lag=found.lag)


@node(timeout=timedelta(minutes=2), retry=Retry(attempts=5, initial=2, maximum=30))
async def switch_over(patroni_url: str, leader: str, candidate: str, username: str, password: SecretText) -> str:
    """Makes another member the primary, in place of the one that is it now. Returns the name of the new primary.

    It reads the cluster first. So an attempt whose answer was lost is not repeated, and nothing is done if a third
    member has become the primary meanwhile.

    Raises:
        HandoverRefusedError: Patroni refuses, or another member than `leader` is the primary.
    """
    now = (await _cluster(patroni_url)).leader
    if now == candidate:
        return candidate
    if now != leader:
        raise HandoverRefusedError(f"{now or 'nobody'} is the primary by now, and not {leader}: nothing was changed")
    try:
        async with httpx.AsyncClient(timeout=SWITCH_TIMEOUT, auth=(username, password)) as client:
            answer = await client.post(
                f"{patroni_url.rstrip('/')}/switchover", json={"leader": leader, "candidate": candidate}
            )
    except httpx.TransportError as error:
        raise PatroniError(f"Patroni cannot be reached ({type(error).__name__})") from None
    said = answer.text[:200].strip()
    if answer.is_server_error:
        raise PatroniError(f"Patroni answers {answer.status_code}: {said}")
    if not answer.is_success:
        raise HandoverRefusedError(f"Patroni refuses ({answer.status_code}): {said}")
    return candidate


@node(timeout=timedelta(seconds=30), retry=Retry(attempts=12, initial=2, maximum=10), effect="read")
async def verify_primary(patroni_url: str, name: str) -> Member:
    """The member, once it is the primary and runs; looked at for about two minutes.

    Raises:
        HandoverRefusedError: the address is not that of Patroni.
    """
    cluster = await _cluster(patroni_url)
    found = next((member for member in cluster.members if member.name == name), None)
    if found is None or not found.leads or not found.works:
        state = f"{found.role}, {found.state or 'state unknown'}" if found else "no member"
        raise PatroniError(f"{name} is not the working primary: {state}")
    return found


async def _cluster(patroni_url: str) -> _Cluster:
    try:
        async with httpx.AsyncClient(timeout=READ_TIMEOUT) as client:
            answer = await client.get(f"{patroni_url.rstrip('/')}/cluster")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise HandoverRefusedError("PATRONI_URL is no http(s) address: such as http://db-1.internal:8008") from None
    except httpx.TransportError as error:
        raise PatroniError(f"Patroni cannot be reached ({type(error).__name__})") from None
    if answer.is_server_error:
        raise PatroniError(f"Patroni answers {answer.status_code}")
    try:
        return _Cluster.model_validate_json(answer.content)
    except ValidationError:
        raise HandoverRefusedError(f"PATRONI_URL answers {answer.status_code} and no cluster: is it Patroni?") from None
