"""The nodes that tell people of a gate: what its `notify` gives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from resolute.plan.expressions import Expression, Reference
from resolute.plan.kinds.call import Call
from resolute.plan.language import expressions_in, operands, operator_of
from resolute.plan.shapes import Shape
from resolute.plan.texts import said_by
from resolute.plan.values import Json
from resolute.writing.checks import Scope
from resolute.writing.kinds.call import Node, call_inside
from resolute.writing.kinds.gate import GateStep
from resolute.writing.step import FlowStep, spoken
from resolute.writing.steps import Steps

_TELLING: Final = Shape({"type": "object", "properties": {"person": {"type": "string"}, "link": {}}})


class Telling:
    """What tells people of one gate, all of whose mistakes are reported."""

    def __init__(self, step: GateStep[Any], steps: Steps, step_id: str, scope: Scope, place: str) -> None:
        self._step = step
        self._steps = steps
        self._id = step_id
        self._scope = scope
        self._place = place

    def calls(self) -> tuple[tuple[Call, ...], bool]:
        """The calls that tell people, and whether they run for each of them."""
        notify = self._step.notify
        if notify is None:
            return (), False
        told = self._told(notify)
        calls = tuple(call for number, node in enumerate(told) for call in self._call(node, number))
        each_person = any(
            operator in ("$link", "$item") and (operator == "$link" or inner[0] == self._id)
            for call in calls
            for operator, inner in expressions_in(cast("Json", call.arguments))
        )
        if each_person and self._step.approvers is None:
            hint = 'give approvers=["ada", "grace"], or decide with `resolute approve`'
            self._report("a link decides in the name of one person, and anybody may decide this gate", hint)
        return calls, each_person

    def _report(self, message: str, hint: str) -> None:
        self._steps.mistakes.report(self._place, message, hint)

    def _told(self, notify: object) -> list[object]:
        hint = "give notify=lambda link: post(link), or notify=lambda link, person: post(person, link)"
        if not callable(notify) or isinstance(notify, (Expression, FlowStep)) or hasattr(notify, "definition"):
            self._report(f"notify: {spoken(cast('object', notify))} is no function of a link", hint)
            return []
        link = Expression("$link", Reference("$item", self._id, "link"))
        person = Reference("$item", self._id, "person")
        try:
            takes_two = _takes_two(notify)
            given = notify(*((link, person) if takes_two else (link,)))
        except Exception as error:
            said = f"notify: the function failed with {type(error).__name__}: {said_by(error)}"
            self._report(said, "it is called once, while the flow is built, with what stands for the link")
            return []
        if isinstance(given, Sequence) and not isinstance(given, str):
            return list(cast("Sequence[object]", given))
        return [given]

    def _call(self, node: object, number: int) -> list[Call]:
        place = f"{self._place}.notify[{number}]"
        scope = replace(self._scope, items={**self._scope.items, self._id: _TELLING})
        made = call_inside(node, self._steps, f"{self._id}_notify", scope, place, of="notify")
        return [] if made is None else [self._with_buttons(made[1], made[0], place)]

    def _with_buttons(self, call: Call, told: Node[Any], place: str) -> Call:
        """The call, whose buttons are for whoever presses them, where the link is for one person."""
        found: dict[str, Json] = {}
        for name, value in cast("dict[str, Json]", call.arguments).items():
            if not told.definition.is_button(name):
                continue
            if isinstance(value, Mapping) and operator_of(value) in ("$link", "$button"):
                found[name] = {"$button": operands(value)}
            else:
                hint = "give it the link: notify=lambda link: ask(..., link)"
                self._steps.mistakes.report(place, f"input {name!r} takes the link that `notify` is given", hint)
        return call.model_copy(update={"arguments": {**call.arguments, **found}}) if found else call


def _takes_two(notify: Callable[..., object]) -> bool:
    taken = inspect.signature(notify).parameters.values()
    return len([each for each in taken if each.default is each.empty and each.kind is not each.VAR_KEYWORD]) > 1
