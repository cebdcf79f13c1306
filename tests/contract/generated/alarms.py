"""Alarms, as pieces of generated flows: with an incident of their own, and asked whether it is quiet."""

from __future__ import annotations

import re
from typing import Any, Final

from resolute import FlowBuilder, Incident, State, alarm, branch, last_turn, output, repeat
from resolute.writing.kinds.alarm import AlarmStep
from tests.contract.generated.calls import mix
from tests.contract.generated.piece import Inside, Kind, Piece, Reads, Story, Within
from tests.contract.nodes import count, note

_LATER_TURN: Final = re.compile(r"#(?!1\b)")


async def is_late(state: State) -> bool:
    """A decision of a function, by which it is never quiet."""
    note()
    return state.get("begin", int) < 0


def _alarm(piece: Piece, bad: Any, reads: Reads) -> AlarmStep:
    incident = Incident(
        raises=mix(reads[-1], reads[0]).as_(f"open_{piece.name}"),
        clears=mix(reads[0], reads[-1]).as_(f"close_{piece.name}"),
        known_by=piece.name,
    )
    return alarm(piece.name, bad=bad, quiet=is_late, incident=incident)


def _write_raised(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """An alarm that is bad at each check; each item of a loop is an alarm of its own."""
    step = _alarm(piece, reads[-1] >= 0, reads)
    return chain.then(step), [*reads, step.output.bad]


def _foretell_raised(piece: Piece, path: str, within: Within, story: Story) -> None:
    if not _LATER_TURN.search(path):  # else the turn before has raised it
        _foretell_open(piece, path, story)


def _write_cleared(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """An alarm that is bad at the first of two checks, and clear at the second."""
    name = f"count_{piece.name}"
    counted = count(last_turn(output(name))).as_(name)
    body = branch().then(counted).then(_alarm(piece, counted.output == 1, reads))
    return chain.then(repeat(body, until=counted.output >= 2, at_most=2).as_(f"turns_{piece.name}")), reads


def _foretell_cleared(piece: Piece, path: str, within: Within, story: Story) -> None:
    first, second = (f"{path}turns_{piece.name}#{turn}." for turn in (1, 2))
    story.call(f"{first}count_{piece.name}")
    _foretell_open(piece, first, story)
    story.call(f"{second}count_{piece.name}")
    story.call(f"{second}close_{piece.name}")


def _foretell_open(piece: Piece, path: str, story: Story) -> None:
    story.call(f"{path}{piece.name}_quiet_decision")
    story.call(f"{path}open_{piece.name}")


ALARMS: Final = {
    "raised": Kind(_write_raised, _foretell_raised),
    "cleared": Kind(_write_cleared, _foretell_cleared),
}
