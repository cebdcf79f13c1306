"""Kinds with steps inside them, as pieces of generated flows."""

from __future__ import annotations

from typing import Any, Final

from resolute import FlowBuilder, State, branch, each, last_turn, output, repeat
from tests.contract.generated.calls import mix, refuse
from tests.contract.generated.piece import FailedPieceError, Foretell, Inside, Kind, Piece, Reads, Story, Within, Write
from tests.contract.generated.waits import A_MOMENT
from tests.contract.nodes import count, note

TURNS: Final = 2
AT_ONCE: Final = 3


async def is_even_or_odd(state: State) -> bool:
    """A decision of a function, which holds whichever number it is."""
    note()
    return state.get("begin", int) % 2 in (0, 1)


def _write_then(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    return inside(chain.when(reads[0] >= 0), piece.blocks[0], reads).end_when(), reads


def _write_otherwise(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    unseen = refuse(reads[0], 0).as_(f"never_{piece.name}")
    return inside(chain.when(reads[0] < 0).then(unseen).otherwise(), piece.blocks[0], reads).end_when(), reads


def _write_decided(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    return inside(chain.when(is_even_or_odd), piece.blocks[0], reads).end_when(), reads


def _foretell_block(piece: Piece, path: str, within: Within, story: Story) -> None:
    within(piece.blocks[0], path)


def _foretell_decided(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(f"{path}{piece.name}_decision")
    within(piece.blocks[0], path)


def _write_parallel(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    beside = mix(reads[-1], 5).as_(f"beside_{piece.name}")
    undone = beside.on_failure(mix(beside.output, 0).as_(f"undo_beside_{piece.name}"))
    branches = [inside(branch(), block, reads) for block in piece.blocks]
    return chain.then_parallel(*branches, undone), [*reads, beside.output]


def _foretell_parallel(piece: Piece, path: str, within: Within, story: Story) -> None:
    failures: list[FailedPieceError] = []
    for block in piece.blocks:
        try:
            within(block, path)
        except FailedPieceError as error:
            failures.append(error)
    story.call(f"{path}beside_{piece.name}", undo=f"{path}undo_beside_{piece.name}")
    if failures:
        raise failures[0]


def _write_each(**options: Any) -> Write:
    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        # Which of several items at work has ended when one fails is for the clock to say; so one at a time can fail.
        at_once = 1 if piece.raises and "on_error" not in options else AT_ONCE
        body = each(
            [4, 5, 6], lambda item: inside(branch(), piece.blocks[0], [*reads, item]), at_once=at_once, **options
        )
        return chain.then(body.as_(piece.name)), reads

    return write


def _foretell_each(*chosen: int, collects: bool = False) -> Foretell:
    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        for item in chosen:
            try:
                within(piece.blocks[0], f"{path}{piece.name}[{item}].")
            except FailedPieceError:
                if not collects:
                    raise

    return foretell


def _write_repeat(by: str, **options: Any) -> Write:
    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        name = f"count_{piece.name}"
        counted = count(last_turn(output(name))).as_(name)
        undone = counted.on_failure(mix(counted.output, reads[0]).as_(f"undo_{name}"))
        body = inside(branch().then(undone), piece.blocks[0], [*reads, counted.output])
        match by:
            case "until":
                turns = repeat(body, until=counted.output >= TURNS, at_most=TURNS + 3, **options)
            case "while":
                turns = repeat(body, while_=last_turn(counted.output, default=0) < TURNS, at_most=TURNS + 3, **options)
            case _:
                turns = repeat(body, until=counted.output > TURNS, at_most=TURNS, **options)
        return chain.then(turns.as_(piece.name)), reads

    return write


def _foretell_repeat(*, fails: bool = False) -> Foretell:
    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        for turn in range(1, TURNS + 1):
            inner = f"{path}{piece.name}#{turn}."
            story.call(f"{inner}count_{piece.name}", undo=f"{inner}undo_count_{piece.name}")
            within(piece.blocks[0], inner)
        if fails:
            raise FailedPieceError(path + piece.name)

    return foretell


def _is_not_five(item: int) -> bool:
    return item != 5


BLOCKS: Final = {
    "then": Kind(_write_then, _foretell_block, blocks=1, is_choice=True),
    "otherwise": Kind(_write_otherwise, _foretell_block, blocks=1, is_choice=True),
    "decided": Kind(_write_decided, _foretell_decided, blocks=1, is_choice=True),
    "parallel": Kind(_write_parallel, _foretell_parallel, blocks=2),
    "each": Kind(_write_each(), _foretell_each(0, 1, 2), blocks=1),
    "where": Kind(_write_each(where=_is_not_five), _foretell_each(0, 2), blocks=1),
    "collect": Kind(
        _write_each(on_error="collect"), _foretell_each(0, 1, 2, collects=True), blocks=1, raises=lambda _: False
    ),
    "until": Kind(_write_repeat("until"), _foretell_repeat(), blocks=1),
    "while": Kind(_write_repeat("while", every=A_MOMENT), _foretell_repeat(), blocks=1),
    "at_most": Kind(_write_repeat("at_most", on_exhausted="continue"), _foretell_repeat(), blocks=1),
    "exhausted": Kind(_write_repeat("at_most"), _foretell_repeat(fails=True), blocks=1, raises=lambda _: True),
}
