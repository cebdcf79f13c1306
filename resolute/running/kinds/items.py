"""The items that a block runs over, and what has become of each.

What is kept of an item that has ended is its output alone: of the first ones in a row as a list, of those ahead of
them by their number. So a run over very many items stays small, and each of them costs the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, cast

from resolute.plan.errors import EvaluationError, NodeFailedError, PayloadTooLargeError
from resolute.plan.kinds.each import Each
from resolute.plan.language import expressions_in
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.shapes import kind_of, spoken
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import Scope, evaluate, is_true
from resolute.running.frame import Frame
from resolute.running.run import Run
from resolute.running.state import failure_of

ENDS_ONCE: Final = 4
"""The first interpreter that runs no item again which has ended before those in front of it, in an earlier history."""

_CLOCK = frozenset({"$now", "$failure"})


class Items:
    """The items of one `each` in one run, numbered in their order without those that are left out.

    Raises:
        EvaluationError: there is no list to run over.
    """

    def __init__(self, each: Each, frame: Frame, run: Run) -> None:
        self._each = each
        self._frame = frame
        self._run = run
        kept = cast("JsonObject", frame.kept.parts.get(each.id) or {})
        self._list = _list_of(each, kept, run.state.scope(frame))
        self._indexes = _indexes_of(each, kept, self._list, run.state.scope(frame))
        self._head: list[Json] = list(cast("list[Json]", kept.get("head", [])))
        self._ahead: dict[str, Json] = dict(cast("JsonObject", kept.get("ahead", {})))
        self._failed: list[Json] = list(cast("list[Json]", kept.get("failed", [])))
        self._size = sum(
            recorded_size(self._told(number, ended)) + 1
            for number, ended in (*enumerate(self._head), *((int(n), ended) for n, ended in self._ahead.items()))
        )
        # The same objects as long as the run goes on, so that nothing is copied for each item.
        parts: dict[str, Json] = {"head": self._head, "ahead": self._ahead, "failed": self._failed}
        if _reads_clock(each.items):
            parts["items"] = self._list
        if _reads_clock(each.where):
            parts["chosen"] = self._indexes
        frame.kept.parts[each.id] = parts

    def __len__(self) -> int:
        return len(self._indexes)

    @property
    def failed(self) -> list[int]:
        """The items that failed in an earlier part of the run, which is about to end by one of them."""
        return [int(cast("int", number)) for number in self._failed]

    def left(self) -> Iterator[int]:
        """The items that have not ended."""
        if self._run.plan.interpreter < ENDS_ONCE:  # an item may run again, and does so again in a replay
            return (number for number in range(len(self._head), len(self)) if str(number) not in self._ahead)
        return (number for number in range(len(self)) if not self._has_ended(number))

    def frame_of(self, number: int, *, alone: bool) -> Frame:
        """Where the steps of an item stand."""
        index = self._indexes[number]
        items = {self._each.id: self._list[index]}
        return self._frame.inside(self._place(number), items=items, alone=alone, collected=self._collects)

    def fails(self, number: int) -> None:
        """Keeps that an item has failed, by which the block is to end."""
        self._failed.append(number)

    def completes(self, number: int, frame: Frame) -> None:
        """Keeps the output of an item that has come to its end, and nothing else of it.

        Raises:
            PayloadTooLargeError: the outputs so far are more than Temporal accepts.
        """
        output = None if self._each.gives is None else frame.kept.outputs.get(self._each.gives)
        self._end(number, [output] if self._collects else output)

    def collects(self, number: int, error: NodeFailedError) -> bool:
        """Keeps a failure as what the item came to, where failures are collected."""
        if self._collects:
            self._end(number, cast("Json", failure_of(error).model_dump()))
        return self._collects

    def outputs(self) -> list[Json]:
        """What each item came to; they have all ended."""
        return [self._told(number, ended) for number, ended in enumerate(self._head)]

    def _has_ended(self, number: int) -> bool:
        # An item that ended before those in front of it goes to the others as soon as they have.
        return number < len(self._head) or str(number) in self._ahead

    @property
    def _collects(self) -> bool:
        return self._each.on_error == "collect"

    def _place(self, number: int) -> str:
        return f"{self._each.id}[{self._indexes[number]}]"

    def _end(self, number: int, ended: Json) -> None:
        self._size += recorded_size(self._told(number, ended)) + 1
        if self._size > PAYLOAD_LIMIT:
            what = f"the output of step {self._frame.path + self._each.id!r}, the list of what its items gave,"
            raise PayloadTooLargeError(what=what, size=self._size, limit=PAYLOAD_LIMIT)
        self._frame.forget(self._place(number))
        self._ahead[str(number)] = ended
        while (following := str(len(self._head))) in self._ahead:
            self._head.append(self._ahead.pop(following))

    def _told(self, number: int, ended: Json) -> Json:
        """What an item came to, from the shorter form that is kept of it."""
        if not self._collects:
            return ended
        ok = isinstance(ended, (list, tuple))
        output = ended[0] if isinstance(ended, (list, tuple)) else None
        return {"index": self._indexes[number], "ok": ok, "output": output, "failure": None if ok else ended}


def _list_of(each: Each, kept: JsonObject, scope: Scope) -> Sequence[Json]:
    value = kept["items"] if "items" in kept else evaluate(cast("Json", each.items), scope)
    if isinstance(value, (list, tuple)):
        return value
    found = spoken(frozenset({kind_of(value)}))
    hint = "give an empty list where there is none" if value is None else "a node can make a list of it"
    raise EvaluationError(f"each(...) runs over a list, and what it was given is {found}: {hint}")


def _indexes_of(each: Each, kept: JsonObject, items: Sequence[Json], scope: Scope) -> Sequence[int]:
    if "chosen" in kept:
        return cast("list[int]", kept["chosen"])
    if each.where is True:
        return range(len(items))
    condition, around = cast("Json", each.where), scope.items
    return [
        index for index, item in enumerate(items) if is_true(condition, replace(scope, items={**around, each.id: item}))
    ]


def _reads_clock(value: object) -> bool:
    """Whether a value may be another one when it is evaluated again."""
    return any(operator in _CLOCK for operator, _ in expressions_in(cast("Json", value)))
