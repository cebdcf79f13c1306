"""What a gate asks, whom, and how long: checked, and as a plan holds it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, cast, get_args

from resolute.plan.expressions import holds_expression
from resolute.plan.fitting import standalone
from resolute.plan.forms import secret_fields, unknown_words
from resolute.plan.kinds.gate import Gate, OnReject, OnTimeout
from resolute.plan.language import has_holes
from resolute.plan.shapes import TEXT, Described, Shape, did_you_mean, shape_of_type
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit
from resolute.writing.kinds.gate import DraftGate, GateStep
from resolute.writing.kinds.telling import Telling
from resolute.writing.step import spoken
from resolute.writing.steps import Steps, knowing
from resolute.writing.values import NOTHING

_PEOPLE: Final = Shape({"type": "array", "items": {"type": "string"}})
_OPTIONAL_TEXT: Final = Shape({"anyOf": [{"type": "string"}, {"type": "null"}]})


def compile_gate(draft: DraftGate, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The gate, behind which its decision is known."""
    step_id = steps.naming.ids[id(draft)]
    compiled = _Asking(draft.step, steps, step_id, scope, f"{place} {step_id!r}").gate()
    return [compiled], knowing(scope, {step_id: steps.naming.shapes[step_id]})


class _Asking:
    """One gate, all of whose mistakes are reported."""

    def __init__(self, step: GateStep[Any], steps: Steps, step_id: str, scope: Scope, place: str) -> None:
        self._step = step
        self._steps = steps
        self._id = step_id
        self._scope = scope
        self._place = place

    def gate(self) -> Gate:
        """What a plan holds of it; what is mistaken is left out."""
        step = self._step
        timeout, remind = self._seconds("timeout", step.timeout), self._seconds("remind", step.remind)
        on_timeout = cast("OnTimeout", self._choice("on_timeout", step.on_timeout, OnTimeout))
        if step.timeout is None and step.on_timeout != "reject":
            self._report(f"on_timeout={step.on_timeout!r} is for a gate with a timeout", "give timeout=timedelta(...)")
        if step.remind is not None and step.notify is None:
            self._report("remind is for a gate that tells people", "give notify=lambda link: ...")
        notify, each_person = Telling(step, self._steps, self._id, self._scope, self._place).calls()
        gate = Gate(
            id=self._id,
            ask=cast("Any", self._text("ask", step.ask)),
            form=cast("Any", self._form()),
            approvers=cast("Any", self._approvers()),
            requester=cast("Any", self._text("requester", step.requester)),
            quorum=self._count("quorum", step.quorum),
            allow_self=self._flag("allow_self", step.allow_self),
            timeout=timeout,
            on_timeout=on_timeout,
            on_reject=cast("OnReject", self._choice("on_reject", step.on_reject, OnReject)),
            remind=remind,
            notify=notify,
            each_person=each_person,
        )
        for problem in gate.problems():
            self._report(problem, "")
        return gate.model_copy(update={"quorum": max(1, gate.quorum)})

    def _report(self, message: str, hint: str) -> None:
        self._steps.mistakes.report(self._place, message, hint)

    def _encoded(self, name: str, value: object, target: Shape) -> Json:
        encoded = self._steps.values.encode(value, self._place, f"{name}: ")
        if encoded is NOTHING:
            return None
        check_fit(encoded, target, self._scope, self._steps.mistakes.at(self._place, f"{name}: "))
        if has_holes(encoded):
            self._report(f"{name} cannot read env(...), secret(...) or a link", "give a value that the run knows")
        return encoded

    def _text(self, name: str, value: object) -> Json:
        if value is None or (isinstance(value, str) and not value):
            return value
        return self._encoded(name, value, TEXT if name == "ask" else _OPTIONAL_TEXT)

    def _approvers(self) -> Json:
        people = self._step.approvers
        if people is None:
            return None
        if isinstance(people, str) or not (holds_expression(people) or isinstance(people, Sequence)):
            self._report(f"approvers: {spoken(people)} is no list of people", 'give approvers=["ada", "grace"]')
            return None
        given = cast("Sequence[object]", people if isinstance(people, Sequence) else ())
        if any(isinstance(each, str) and not each.strip() for each in given):
            self._report("approvers: a name is empty", "give the name that each says when deciding")
        encoded = self._encoded("approvers", cast("object", people), _PEOPLE)
        if isinstance(encoded, list):
            twice = [each for index, each in enumerate(encoded) if isinstance(each, str) and each in encoded[:index]]
            for each in dict.fromkeys(twice):
                self._report(f"approvers: {each!r} is given twice", "one person decides once")
        return encoded

    def _form(self) -> object:
        form = self._step.form
        if form is None:
            return None
        hint = "give a model, a dataclass or a typed dict with a field for each thing to fill in"
        if not isinstance(form, (type, Described)):
            self._report(f"form: {spoken(form)} is no model", hint)
            return None
        name = form.__name__ if isinstance(form, type) else "the schema"
        shape = shape_of_type(form, "validation")
        if len(shape.alternatives) != 1 or not shape.fields:
            self._report(f"form: {name} has no fields to fill in", hint)
            return None
        # What is recorded is sorted by name; people fill in the fields in the order of the model.
        schema = {**standalone(shape.alternatives[0]), "propertyOrder": shape.fields}
        for word in unknown_words(schema):
            self._report(f"form: a run cannot check {word!r} of {name}", "leave it out, or check it in a node")
        for name in secret_fields(schema):
            self._report(
                f"form: {name!r} is a secret, and what is filled in is recorded", "read it with secret('NAME')"
            )
        return schema

    def _seconds(self, name: str, length: object) -> float | None:
        if length is None or isinstance(length, timedelta):
            return None if length is None else length.total_seconds()
        self._report(f"{name}: {spoken(length)} is no length of time", f"give {name}=timedelta(hours=2)")
        return None

    def _choice(self, name: str, value: object, choices: object) -> str:
        known = [str(each) for each in get_args(choices)]
        if value in known:
            return str(value)
        self._report(f"{name}: {spoken(value)} is none of {', '.join(known)}", did_you_mean(value, known))
        return known[0]

    def _count(self, name: str, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self._report(f"{name}: {spoken(value)} is no number of people", f"give {name}=2")
        return 1

    def _flag(self, name: str, value: object) -> bool:
        if isinstance(value, bool):
            return value
        self._report(f"{name}: {spoken(value)} is neither true nor false", f"give {name}=True")
        return False
