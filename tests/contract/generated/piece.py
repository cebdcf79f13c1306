"""A piece of a generated flow: a step of some kind, with pieces inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from resolute import FlowBuilder


@dataclass(frozen=True)
class Piece:
    """A step of a kind, by its word, with the blocks inside it. `raises` says that a failure gets out of it."""

    kind: str
    blocks: tuple[tuple[Piece, ...], ...] = ()
    name: str = ""
    raises: bool = False

    def __str__(self) -> str:
        return self.kind + "".join(f"({', '.join(map(str, block))})" for block in self.blocks)

    def words(self) -> Iterator[str]:
        """Its kind, and those inside it."""
        yield self.kind
        for block in self.blocks:
            for piece in block:
                yield from piece.words()


class FailedPieceError(Exception):
    """A piece that fails; `step` is the step of the run whose failure it is."""

    def __init__(self, step: str) -> None:
        self.step = step
        super().__init__(step)


@dataclass
class Story:
    """What is to happen in a run: every attempt of a call, in their order, and the undo steps that are due."""

    calls: list[str] = field(default_factory=list[str])
    undo: list[str] = field(default_factory=list[str])
    children: list[str] = field(default_factory=list[str])
    """The steps that have another flow run."""

    def call(self, step: str, *, times: int = 1, undo: str = "") -> None:
        """A step is called, so many times."""
        self.calls += [step] * times
        if undo:
            self.undo.append(undo)


Reads: TypeAlias = list[Any]
"""References to whole numbers that a step may read: that of the run's first step first, the latest last."""

Inside: TypeAlias = Callable[[FlowBuilder, Iterable[Piece], Reads], FlowBuilder]
"""Writes pieces behind what has been written of a block."""

Write: TypeAlias = Callable[[FlowBuilder, Piece, Reads, Inside], tuple[FlowBuilder, Reads]]

Within: TypeAlias = Callable[[Iterable[Piece], str], None]
"""Tells the story of a block, whose path in the run is given."""

Foretell: TypeAlias = Callable[[Piece, str, Within, Story], None]


@dataclass(frozen=True)
class Kind:
    """How a kind of piece is written, and what is to come of it.

    `write` puts a piece behind what has been written, and gives that with what can be read behind it; `foretell` adds
    what is to happen to the story. `blocks` is how many blocks it has. `raises` says whether a failure gets out of it,
    given whether one gets out of each of its blocks.
    """

    write: Write
    foretell: Foretell
    blocks: int = 0
    raises: Callable[[Iterable[bool]], bool] = any
    is_choice: bool = False
