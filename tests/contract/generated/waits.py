"""Waits, as pieces of generated flows: for a time, for a person, for an event that comes early, late, or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from resolute import FlowBuilder, gate, signal, sleep, wait_for
from tests.contract.generated.piece import Inside, Kind, Piece, Reads, Story, Within
from tests.contract.generated.telling import ask_for, tell

A_MOMENT: Final = timedelta(milliseconds=2)


class Number(BaseModel):
    """An event."""

    number: int


def _write_sleep(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    return chain.then(sleep(A_MOMENT).as_(piece.name)), reads


def _write_kept(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """The event is told before the step waits, which takes the one that is meant for it."""
    waits = wait_for(signal(piece.name, Number), where=lambda event: event.number == reads[-1]).as_(piece.name)
    told = tell(piece.name, reads[-1]).as_(f"tell_{piece.name}")
    return chain.then(told).then(waits), [*reads, waits.output.number]


def _write_heard(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """The event is told while the step waits."""
    waits = wait_for(signal(piece.name, Number), where=lambda event: event.number == reads[-1]).as_(piece.name)
    told = tell(piece.name, reads[-1]).as_(f"tell_{piece.name}")
    return chain.then_parallel(waits, told), [*reads, waits.output.number]


def _write_timeout(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    return chain.then(wait_for(signal(piece.name, Number), timeout=A_MOMENT).as_(piece.name)), reads


def _write_gate(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """A gate that is approved while the step waits."""
    asked = ask_for(piece.name).as_(f"ask_{piece.name}")
    return chain.then(asked).then(gate(piece.name, approvers=["ada"])), reads


def _foretell_asked(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(f"{path}ask_{piece.name}")


def _foretell_told(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(f"{path}tell_{piece.name}")


def _foretell_nothing(piece: Piece, path: str, within: Within, story: Story) -> None:
    """No call, and the time passes."""


WAITS: Final = {
    "sleep": Kind(_write_sleep, _foretell_nothing),
    "kept": Kind(_write_kept, _foretell_told),
    "heard": Kind(_write_heard, _foretell_told),
    "gate": Kind(_write_gate, _foretell_asked),
    "timeout": Kind(_write_timeout, _foretell_nothing),
}
