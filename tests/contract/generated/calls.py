"""Calls, as pieces of generated flows: in both lanes, with a retry, failing, with an undo step that fails."""

from __future__ import annotations

from typing import Any, Final

from resolute import FlowBuilder, NodeError, Retry, TerminalError, node
from tests.contract.generated.piece import FailedPieceError, Foretell, Inside, Kind, Piece, Reads, Story, Within, Write
from tests.contract.nodes import note


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


CALLS: Final = {
    "call": Kind(_write(mix), _foretell()),
    "local": Kind(_write(quick), _foretell()),
    "retry": Kind(_write(falter), _foretell(times=2)),
    "stubborn": Kind(_write(mix, undo=refuse), _foretell()),
    "fails": Kind(_write(refuse), _fail, raises=lambda _: True),
}
