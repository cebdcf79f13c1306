"""A flow made of pieces, and what has to come of a run of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Final

from resolute import Flow, FlowBuilder, failure, flow, manual
from resolute.plan.plan import WhenStuck
from resolute.plan.triggers import TriggerSpec
from tests.contract.generated.alarms import ALARMS
from tests.contract.generated.blocks import BLOCKS
from tests.contract.generated.calls import CALLS, mix
from tests.contract.generated.holding import HELD
from tests.contract.generated.order import Order, Ordered
from tests.contract.generated.piece import FailedPieceError, Kind, Piece, Reads, Story
from tests.contract.generated.stopping import STOPS
from tests.contract.generated.waits import WAITS
from tests.contract.nodes import echo

LEAVES: Final[dict[str, Kind]] = {**CALLS, **WAITS, **ALARMS}
KINDS: Final[dict[str, Kind]] = {**LEAVES, **BLOCKS}
EVERY: Final[dict[str, Kind]] = {**KINDS, **HELD, **STOPS}


@dataclass(frozen=True)
class Generated:
    """A flow, and what has to come of it: its calls, its undo steps, and the step it fails by, if it does.

    `children` are the steps that have another flow run.
    """

    flow: Flow
    calls: Ordered
    undo: Ordered
    failed: str | None
    children: list[str]
    order: Order

    def __str__(self) -> str:
        return self.flow.name


def generated(
    name: str,
    pieces: Sequence[Piece],
    *,
    when_stuck: WhenStuck = "fail",
    within: timedelta | None = None,
    triggered_by: TriggerSpec | None = None,
    kinds: Mapping[str, Kind] = EVERY,
) -> Generated:
    """The flow of pieces, behind a first step and before a last one. `kinds` are those of which pieces may be."""
    made = _named(pieces, count(1), count(1), kinds)
    first = mix(1, 1).as_("begin")
    chain = (
        flow(name, when_stuck=when_stuck, within=within)
        .triggered_by(triggered_by or manual("start"))
        .then(first.on_failure(mix(first.output, 0).as_("undo_begin")))
    )
    inside = _Writing(kinds).block
    chain = inside(chain, (*made, Piece("call", name="end")), [first.output])
    written = chain.on_failure(echo(failure().step).as_("told")).build()
    story, failed = Story(calls=["begin"], undo=["undo_begin"]), None
    try:
        _tell((*made, Piece("call", name="end")), "", story, kinds)
    except FailedPieceError as error:
        failed = error.step
    order = Order(written.plan)
    undone = [*reversed(story.undo), "told"] if failed else []
    return Generated(written, order.of(story.calls), order.of(undone), failed, sorted(story.children), order)


def _named(
    pieces: Iterable[Piece], numbers: Iterator[int], choices: Iterator[int], kinds: Mapping[str, Kind]
) -> tuple[Piece, ...]:
    """The same pieces with names; a choice has none that an author gives, only that of its place among the choices."""
    return tuple(_with_name(piece, numbers, choices, kinds) for piece in pieces)


def _with_name(piece: Piece, numbers: Iterator[int], choices: Iterator[int], kinds: Mapping[str, Kind]) -> Piece:
    kind, name = kinds[piece.kind], f"{piece.kind}_{next(numbers)}"
    if kind.is_choice:
        name = "when" if (number := next(choices)) == 1 else f"when_{number}"
    blocks = tuple(_named(block, numbers, choices, kinds) for block in piece.blocks)
    raises = kind.raises([any(inner.raises for inner in block) for block in blocks])
    return replace(piece, name=name, blocks=blocks, raises=raises)


@dataclass(frozen=True)
class _Writing:
    """Writes pieces of these kinds."""

    kinds: Mapping[str, Kind]

    def block(self, chain: FlowBuilder, pieces: Iterable[Piece], reads: Reads) -> FlowBuilder:
        """Writes pieces behind what has been written."""
        for piece in pieces:
            chain, reads = self.kinds[piece.kind].write(chain, piece, reads, self.block)
        return chain


def _tell(pieces: Iterable[Piece], path: str, story: Story, kinds: Mapping[str, Kind]) -> None:
    for piece in pieces:
        kinds[piece.kind].foretell(piece, path, lambda block, inner: _tell(block, inner, story, kinds), story)
