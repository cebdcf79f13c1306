"""What people do with flows, alarms and everything: pauses, the brake, mutes."""

from __future__ import annotations

from collections.abc import Mapping

from resolute.plan.errors import ConfigurationError
from resolute.temporal.client.mutes import Muting
from resolute_worker.board.board import Board, Done
from resolute_worker.board.people import Person
from resolute_worker.cli.lengths import length
from resolute_worker.switching import pause_flow, put_brake_on, release_brake, resume_flow


async def pause(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Pauses a flow, or everything."""
    await pause_flow(board.client, board.keys, _flow(form), by=person.name, reason=_reason(form))
    return Done("pause-flow")


async def resume(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Lets a flow, or everything, go on."""
    await resume_flow(board.client, board.keys, _flow(form))
    return Done("resume-flow")


async def brake(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Puts the brake on."""
    await put_brake_on(board.client, board.keys, by=person.name, reason=_reason(form))
    return Done("brake")


async def release(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Releases the brake."""
    await release_brake(board.client, board.keys)
    return Done("release")


async def mute(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Mutes a flow or an alarm for a time."""
    name = form.get("name", "").strip()
    if not name:
        raise ConfigurationError("give the name of a flow, or of an alarm as flow/alarm")
    until = length(form.get("for", "").strip(), "the time")
    await muting(board).mute(name, until, reason=_reason(form), by=person.name)
    return Done("mute")


async def unmute(board: Board, person: Person, form: Mapping[str, str]) -> Done:
    """Ends a mute before its time."""
    await muting(board).unmute(form.get("name", ""))
    return Done("unmute")


def muting(board: Board) -> Muting:
    """The mutes of the board's task queue."""
    return Muting(board.client, board.settings.task_queue, board.keys)


def _flow(form: Mapping[str, str]) -> str:
    """The flow that a form is about; empty for everything, which the form has to say."""
    flow = form.get("flow", "")
    if not flow and form.get("all") != "yes":
        raise ConfigurationError("the form names no flow")
    return flow


def _reason(form: Mapping[str, str]) -> str:
    return form.get("reason", "").strip()
