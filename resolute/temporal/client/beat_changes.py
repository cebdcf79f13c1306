"""What a release changes about heartbeats, and why: the same for whoever only looks and for the worker that does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from temporalio.client import Client

from resolute.plan.beats import Heartbeat
from resolute.running.beats import Terms, why_kept
from resolute.temporal.client.beating import KeptHeartbeat, find_heartbeat, list_heartbeats
from resolute.temporal.schedules.change import Action, Release
from resolute.temporal.schedules.record import read_record

_TIMES: Final = ("every", "grace", "remind", "recovered", "first_within")


@dataclass(frozen=True)
class BeatChange:
    """What a deployment does about one heartbeat; as `ScheduleChange` says it of a schedule."""

    flow: str
    path: str
    action: Action
    reason: str = ""
    differs: tuple[str, ...] = ()


def terms_of(beat: Heartbeat, release: Release) -> Terms:
    """What a release expects of a heartbeat."""
    return Terms.of(beat, released=release.released, worker_set=release.worker_set)


async def may_begin(client: Client, flow: str, path: str, release: Release) -> bool:
    """Whether a heartbeat may be deployed: an older release brings none back that a newer one has removed.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    if not release.worker_set or release.take_over:
        return True
    record = await read_record(client, release.worker_set)
    if record is None or record.released <= release.released:
        return True
    return await find_heartbeat(client, flow, path) is not None


def without_a_flow(other: KeptHeartbeat, release: Release) -> Literal["removed", "orphaned"] | None:
    """What becomes of a heartbeat of the same task queue that a release does not have; None where that is not its."""
    if other.terms is None:
        return None
    whose = other.terms.worker_set
    older = other.terms.released <= release.released.timestamp()
    if whose and whose == release.worker_set and (older or release.take_over):
        return "removed"
    return None if whose else "orphaned"


async def preview_heartbeats(
    client: Client, beats: Iterable[tuple[str, Heartbeat]], release: Release
) -> list[BeatChange]:
    """What a worker of a release changes when it starts: about each of its heartbeats, and about those without a flow.

    `beats` are the heartbeats, each with its flow. No worker is needed for it, and nothing is changed.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    own = list(beats)
    changes = [await _change(client, flow, beat, release) for flow, beat in own]
    places = {(flow, beat.path) for flow, beat in own}
    for other in await list_heartbeats(client, task_queue=release.task_queue):
        if (other.flow, other.path) in places or (action := without_a_flow(other, release)) is None:
            continue
        reason = "it is gone from its worker set" if action == "removed" else "no flow here has it"
        changes.append(BeatChange(other.flow, other.path, action, reason))
    return changes


async def _change(client: Client, flow: str, beat: Heartbeat, release: Release) -> BeatChange:
    if not await may_begin(client, flow, beat.path, release):
        return BeatChange(flow, beat.path, "kept", "a newer release has removed it")
    found = await find_heartbeat(client, flow, beat.path)
    if found is None or found.terms is None:
        return BeatChange(flow, beat.path, "created")
    known, wanted = found.terms, terms_of(beat, release)
    differs = tuple(name for name in _TIMES if getattr(known, name) != getattr(wanted, name))
    if differs and (reason := why_kept(known, wanted)):
        return BeatChange(flow, beat.path, "kept", reason, differs)
    return BeatChange(flow, beat.path, "updated" if differs else "unchanged", differs=differs)
