"""A question to people, in a flow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import NoneType
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, cast, get_args, overload

from resolute.plan.decided import Decided
from resolute.plan.expressions import Expression, Reference, holds_expression
from resolute.plan.fitting import standalone
from resolute.plan.forms import secret_fields, unknown_words
from resolute.plan.kinds.call import Call
from resolute.plan.kinds.gate import Gate, OnReject, OnTimeout
from resolute.plan.language import expressions_in, has_holes
from resolute.plan.shapes import TEXT, Described, Shape, did_you_mean, shape_of_type
from resolute.plan.step import Step
from resolute.plan.texts import said_by
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit
from resolute.writing.kinds.call import Node, compiled_call, lift_node, report_no_step
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep, spoken
from resolute.writing.steps import Steps, knowing
from resolute.writing.values import NOTHING

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

Told: TypeAlias = "Node[Any] | Sequence[Node[Any]]"
Notify: TypeAlias = "Callable[[str], Told] | Callable[[str, str], Told]"

_PEOPLE: Final = Shape({"type": "array", "items": {"type": "string"}})
_OPTIONAL_TEXT: Final = Shape({"anyOf": [{"type": "string"}, {"type": "null"}]})
_TELLING: Final = Shape({"type": "object", "properties": {"person": {"type": "string"}, "link": {}}})


@dataclass(frozen=True, eq=False)
class GateStep(FlowStep[Decided[F_co]]):
    """A question to people. See `gate`."""

    ask: object
    form: object
    approvers: object
    quorum: object
    requester: object
    allow_self: object
    timeout: object
    on_timeout: object
    on_reject: object
    remind: object
    notify: object

    @property
    def default_name(self) -> str:
        """The step's name where it was given none."""
        return "gate"

    @property
    def result_type(self) -> Any:
        """The decision, with the form that was filled in; null where the flow may go on without one."""
        if isinstance(self.form, Described):
            return Decided[Any]
        if not isinstance(self.form, type):
            return Decided[NoneType]
        without = self.on_reject == "continue" or self.on_timeout == "approve"
        return Decided[self.form | None] if without else Decided[self.form]

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftGate(self)


@overload
def gate(
    name: str,
    *,
    ask: str = "",
    form: None = None,
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: OnTimeout = "reject",
    on_reject: OnReject = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[None]: ...
@overload
def gate(
    name: str,
    *,
    ask: str = "",
    form: type[F],
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: Literal["reject", "fail"] = "reject",
    on_reject: Literal["fail"] = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[F]: ...
@overload
def gate(
    name: str,
    *,
    ask: str = "",
    form: type[F],
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: OnTimeout = "reject",
    on_reject: OnReject = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[F | None]: ...
def gate(
    name: str,
    *,
    ask: str = "",
    form: type[Any] | None = None,
    approvers: Sequence[str] | None = None,
    quorum: int = 1,
    requester: str | None = None,
    allow_self: bool = False,
    timeout: timedelta | None = None,
    on_timeout: OnTimeout = "reject",
    on_reject: OnReject = "fail",
    remind: timedelta | None = None,
    notify: Notify | None = None,
) -> GateStep[Any]:
    """Asks people, and waits until they have decided: `resolute approve`, `resolute reject`, or a link of `notify`.

    One person who rejects is enough, and each decides once. A rejection fails the run, whose completed steps are
    undone. The output is a `Decided`. Waiting costs nothing and survives restarts.

    Args:
        name: what the gate is called.
        ask: what people are asked, as in `text("Fail over {}?", check.output.host)`.
        form: a model of what who approves fills in. What JSON Schema says of it is checked, validators are not run.
        approvers: who may decide, by name; without it, everybody who can send the run a decision.
        quorum: how many people have to approve.
        requester: who asks for it, where that is not the person who started the run.
        allow_self: lets the requester, or the person who started the run, decide as well.
        timeout: how long the gate is open; without it, until somebody decides.
        on_timeout: what it counts as when the time is up: a rejection, an approval, or a failure.
        on_reject: `continue` goes on, with `approved` false.
        remind: after which time `notify` runs again, and again.
        notify: a function of a link, or of a link and a person, that gives the node or nodes that send it; it runs for
            each of the approvers, whose own link it is. Without either in it, it runs once. If it fails, the gate is
            open all the same.

    >>> from datetime import timedelta
    >>> gate("approve", approvers=["ada", "grace"], timeout=timedelta(hours=2)).output.approved
    approve.approved
    """
    return GateStep(
        ask,
        form,
        approvers,
        quorum,
        requester,
        allow_self,
        timeout,
        on_timeout,
        on_reject,
        remind,
        notify,
        name=name,
        written_at=place_of_caller(),
    )


@dataclass(frozen=True, eq=False)
class DraftGate(Draft):
    """A gate in its place."""

    step: GateStep[Any]  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "gate"

    def fresh(self) -> Draft:
        """The same gate in another place."""
        return DraftGate(self.step)


def compile_gate(draft: DraftGate, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The gate, behind which its decision is known."""
    step_id = steps.naming.ids[id(draft)]
    compiled = _Compiling(draft.step, steps, step_id, scope, f"{place} {step_id!r}").gate()
    return [compiled], knowing(scope, {step_id: steps.naming.shapes[step_id]})


class _Compiling:
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
        notify, each_person = self._notify()
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

    def _notify(self) -> tuple[tuple[Call, ...], bool]:
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
        if not isinstance(node, Node):
            report_no_step(node, self._steps, place)
            return []
        told = cast("Node[Any]", node)
        naming = self._steps.naming
        if told.name is not None:
            naming.check(told.name)
        if told.undo:
            self._steps.mistakes.report(place, "a step of notify is not undone", "take .on_failure(...) out")
        name = naming.free(told.name or f"{self._id}_notify")
        naming.take(name)
        scope = replace(self._scope, items={**self._scope.items, self._id: _TELLING})
        return [compiled_call(told, self._steps, name, scope, f"{place} {name!r}")]


def _takes_two(notify: Callable[..., object]) -> bool:
    taken = inspect.signature(notify).parameters.values()
    return len([each for each in taken if each.default is each.empty and each.kind is not each.VAR_KEYWORD]) > 1


def lift_gate(gate: Gate, lifter: Lifter) -> Draft:
    """The gate; the schema of its form stands for a model, and what tells people is given as it is."""
    told = [node for call in gate.notify if (node := lift_node(call, lifter))]
    step: GateStep[Any] = GateStep(
        decoded(cast("Json", gate.ask)),
        None if gate.form is None else Described(cast("Any", gate.form)),
        decoded(cast("Json", gate.approvers)),
        gate.quorum,
        decoded(cast("Json", gate.requester)),
        gate.allow_self,
        None if gate.timeout is None else timedelta(seconds=gate.timeout),
        gate.on_timeout,
        gate.on_reject,
        None if gate.remind is None else timedelta(seconds=gate.remind),
        _giving(told) if gate.notify else None,
        name=lifter.name_of(gate),
        written_at=lifter.place(gate),
    )
    return DraftGate(step)


def _giving(told: list[Node[Any]]) -> Callable[[str], list[Node[Any]]]:
    return lambda link: told
