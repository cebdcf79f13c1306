"""Calls, as pieces of generated flows: in both lanes, with a retry, failing, with a failing undo step; a whole flow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel

from resolute import (
    FlowBuilder,
    NodeError,
    Retry,
    TerminalError,
    budget,
    child,
    cursor,
    flow,
    input_data,
    manual,
    move,
    node,
    output,
)
from tests.contract.generated.piece import FailedPieceError, Foretell, Inside, Kind, Piece, Reads, Story, Within, Write
from tests.contract.nodes import note


class Given(BaseModel):
    """What the other flow is given, and what it gives."""

    number: int


@node
async def mix(first: int, second: int) -> int:
    """A number that depends on both."""
    note()
    return (31 * first + second) % 1009


@node(lane="local")
async def quick(first: int, second: int) -> int:
    """As `mix`, in the local lane."""
    note()
    return (31 * first + second) % 1009


@node(retry=Retry(attempts=3, initial=0.005, maximum=0.005))
async def falter(first: int, second: int) -> int:
    """As `mix`, at its second attempt."""
    if note().attempt == 1:
        raise NodeError("not yet")
    return (31 * first + second) % 1009


@node
async def refuse(first: int, second: int) -> int:
    """Fails for good."""
    note()
    raise TerminalError(f"refused at {first} and {second}")


def _write(of: Any, undo: Any = mix) -> Write:
    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        step = of(reads[-1], reads[0]).as_(piece.name)
        undone = undo(step.output, reads[-1]).as_(f"undo_{piece.name}")
        return chain.then(step.on_failure(undone)), [*reads, step.output]

    return write


def _foretell(times: int = 1) -> Foretell:
    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        story.call(path + piece.name, times=times, undo=f"{path}undo_{piece.name}")

    return foretell


def _fail(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(path + piece.name)
    raise FailedPieceError(path + piece.name)


taken = mix(input_data(Given).number, 1).as_("taken")
# In no local lane: without a cache, a worker makes local calls again while it has two runs at work.
OTHER: Final = (
    flow("other")
    .triggered_by(manual("other", input=Given))
    .then(taken.on_failure(mix(taken.output, 0).as_("undo_taken")))
    .then(mix(taken.output, 2).as_("last"))
    .returns({"number": output("last")})
    .build()
)


def _write_child(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    step = child(OTHER, {"number": reads[-1]}, result=Given).as_(piece.name)
    return chain.then(step), [*reads, step.output.number]


def _foretell_child(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.children.append(path + piece.name)
    story.undo.append(f"{path}{piece.name}.undo_taken")


def _write_budget(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """A budget that is never used up, however often the flow runs."""
    asked = budget(piece.name, at_most=1_000, per=timedelta(seconds=1), key=reads[-1]).as_(piece.name)
    return chain.then(asked), [*reads, asked.output.refused]


def _write_move(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    return chain.then(move(cursor(piece.name, int), to=reads[-1]).as_(piece.name)), reads


def _foretell_nothing(piece: Piece, path: str, within: Within, story: Story) -> None:
    """No call of a node."""


CALLS: Final = {
    "call": Kind(_write(mix), _foretell()),
    "local": Kind(_write(quick), _foretell()),
    "retry": Kind(_write(falter), _foretell(times=2)),
    "stubborn": Kind(_write(mix, undo=refuse), _foretell()),
    "child": Kind(_write_child, _foretell_child),
    "budget": Kind(_write_budget, _foretell_nothing),
    "move": Kind(_write_move, _foretell_nothing),
    "fails": Kind(_write(refuse), _fail, raises=lambda _: True),
}
