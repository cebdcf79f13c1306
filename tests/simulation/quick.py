"""Quick steps that go to their worker in one trip, as pieces of flows: neighbours, and the items of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from resolute import FlowBuilder, NodeError, Retry, TerminalError, branch, each, node
from tests.contract.generated.calls import mix, quick
from tests.contract.generated.piece import FailedPieceError, Foretell, Inside, Kind, Piece, Reads, Story, Within, Write
from tests.contract.nodes import note

_AT_ONCE: Final = 3
_AGAIN: Final = Retry(attempts=3, initial=1, maximum=1)


@node(lane="local", retry=_AGAIN)
async def waver(first: int, second: int) -> int:
    """As `quick`, at its second attempt."""
    if note().attempt == 1:
        raise NodeError("not yet")
    return (31 * first + second) % 1009


@node(lane="local", retry=_AGAIN)
async def balk(first: int, second: int) -> int:
    """Fails for good."""
    note()
    raise TerminalError(f"balked at {first} and {second}")


@node(lane="local", retry=_AGAIN)
async def pick(first: int, second: int) -> int:
    """As `quick` of an even number, as `waver` of one that three divides, and as `balk` of any other."""
    attempt = note().attempt
    if first % 2 and first % 3:
        raise TerminalError(f"balked at {first} and {second}")
    if first % 2 and attempt == 1:
        raise NodeError("not yet")
    return (31 * first + second) % 1009


def _neighbours(*nodes: Any) -> Write:
    """Steps one after the other, each of which reads the one before it."""

    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        for number, of in enumerate(nodes, start=1):
            step = of(reads[-1], number).as_(f"{piece.name}_{number}")
            chain = chain.then(step.on_failure(mix(step.output, number).as_(f"undo_{piece.name}_{number}")))
            reads = [*reads, step.output]
        return chain, reads

    return write


def _foretell(*times: int, fails: bool = False) -> Foretell:
    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        for number, each_ in enumerate(times, start=1):
            last = fails and number == len(times)
            name = f"{piece.name}_{number}"
            story.call(path + name, times=each_, undo="" if last else f"{path}undo_{name}")
            if last:
                raise FailedPieceError(path + name)

    return foretell


def _batch(items: Sequence[int], **options: Any) -> Kind:
    """A quick step for each item of a list; of items that are odd, and not divided by three, it fails."""

    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        def body(item: Any) -> Any:
            step = pick(item, reads[-1]).as_(f"of_{piece.name}")
            return branch().then(step.on_failure(mix(step.output, 1).as_(f"undo_of_{piece.name}")))

        return chain.then(each(list(items), body, at_once=_AT_ONCE, **options).as_(piece.name)), reads

    bad = [index for index, item in enumerate(items) if item % 2 and item % 3]
    fails = bool(bad) and "on_error" not in options

    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        for index, item in enumerate(items):
            place = f"{path}{piece.name}[{index}]."
            times = 2 if item % 2 and not item % 3 else 1
            undo = "" if index in bad else f"{place}undo_of_{piece.name}"
            story.call(f"{place}of_{piece.name}", times=times, undo=undo)
        if fails:
            raise FailedPieceError(f"{path}{piece.name}[{bad[0]}].of_{piece.name}")

    return Kind(write, foretell, raises=lambda _: fails)


QUICK: Final = {
    "trip": Kind(_neighbours(quick, quick, quick, quick), _foretell(1, 1, 1, 1)),
    "wavering_trip": Kind(_neighbours(quick, waver, quick, waver), _foretell(1, 2, 1, 2)),
    "balking_trip": Kind(_neighbours(quick, balk, quick), _foretell(1, 1, fails=True), raises=lambda _: True),
    "batch": _batch((2, 3, 4, 6, 9)),
    "collecting_batch": _batch((2, 3, 5, 4, 9), on_error="collect"),
    "failing_batch": _batch((2, 9, 5, 3, 4)),
}
