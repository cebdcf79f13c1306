"""What stops a generated run before its end: a cancel from outside, or its time; and what has to be undone then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from resolute import FlowBuilder, node, sleep
from resolute.plan.kinds.call import Call
from resolute.plan.plan import Plan
from resolute.plan.step import walk
from tests.contract.generated.calls import mix
from tests.contract.generated.piece import FailedPieceError, Inside, Kind, Piece, Reads, Story, Within
from tests.contract.nodes import note

Canceller: TypeAlias = Callable[[], Awaitable[None]]

_CANCELLERS: dict[str, Canceller] = {}


def cancels(run: str, canceller: Canceller) -> None:
    """Says how a run is cancelled, by the beginning of its id."""
    _CANCELLERS[run] = canceller


@node(heartbeat=timedelta(seconds=10))
async def call_off(first: int, second: int) -> int:
    """Has the run cancelled that it is in, and is at work until that reaches it."""
    call = note()
    await _CANCELLERS[call.run.partition("/")[0]]()
    while True:
        call.heartbeat()
        await asyncio.sleep(0.02)


def _write_called_off(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    step = call_off(reads[-1], reads[0]).as_(piece.name)
    return chain.then(step.on_failure(mix(0, 0).as_(f"undo_{piece.name}"))), reads


def _write_overdue(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    return chain.then(sleep(timedelta(days=1)).as_(piece.name)), reads


def _foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
    raise FailedPieceError(path + piece.name)  # what comes before it depends on what is beside it


STOPS: Final = {
    "called_off": Kind(_write_called_off, _foretell, raises=lambda _: True),
    "overdue": Kind(_write_overdue, _foretell, raises=lambda _: True),
}


def due_to_undo(plan: Plan, begun: Sequence[str]) -> Iterator[str]:
    """The undo steps that are due where a run is stopped, last step first: those of every call but who stops it."""
    undo = {step.id: step.undo for step in walk(plan.steps) if isinstance(step, Call)}
    for call in reversed(dict.fromkeys(begun)):
        path, _, name = call.rpartition(".")
        if not name.startswith("called_off"):
            yield from (f"{path}.{each.id}" if path else each.id for each in undo[name])
