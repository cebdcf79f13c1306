"""What a step may read at its place in a flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from resolute.plan.shapes import ANY, Shape
from resolute.writing.presence import NOTHING, Present

Report = Callable[[str, str], None]
"""Takes a message and a hint."""


@dataclass(frozen=True)
class Scope:
    """What a step may read at its place.

    `known` are the steps that have certainly run; `elsewhere` says of every other step of the flow why it may not
    be read here. `items` says what an item is, by the name of what it is an item of, and `last` what the steps of the
    repeats around have given in the turn before. `untyped` names the nodes of steps that do not say what they return.
    `many` are the steps that run many times, with the loop around each. `present` are the references that a condition
    around this place has found to be there, and `is_decided` says that a function has found what it wanted.
    """

    known: Mapping[str, Shape]
    everywhere: Mapping[str, Shape]
    elsewhere: Mapping[str, str] = field(default_factory=dict[str, str])
    input: Shape = ANY
    items: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    last: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    has_previous: bool = False
    in_failure: bool = False
    untyped: Mapping[str, str] = field(default_factory=dict[str, str])
    many: Mapping[str, str] = field(default_factory=dict[str, str])
    present: Present = NOTHING
    is_decided: bool = False
