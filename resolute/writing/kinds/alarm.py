"""A condition that is watched over many runs, in a flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from resolute.plan.alarmed import Alarmed
from resolute.plan.expressions import holds_expression
from resolute.plan.kinds.alarm import PENDING, After, Alarm
from resolute.plan.kinds.call import Call
from resolute.plan.language import has_holes
from resolute.plan.muted import Muted
from resolute.plan.shapes import Shape, shape_of_type
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit
from resolute.writing.conditions import Condition
from resolute.writing.given import misfits
from resolute.writing.incident import Incident
from resolute.writing.kinds.call import Node, call_inside, lift_node
from resolute.writing.lifting import Lifter, decoded
from resolute.writing.places import place_of_caller
from resolute.writing.step import Draft, FlowStep, spoken
from resolute.writing.steps import Steps, knowing
from resolute.writing.values import NOTHING

_KEY: Final = Shape({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "number"}]})
_TEXT: Final = Shape({"type": "string"})
_NAMES: Final = ("name", "id", "key")
"""The fields of an item that tell it apart from others, where its author says nothing."""


@dataclass(frozen=True, eq=False)
class AlarmStep(FlowStep[Alarmed]):
    """A condition that is watched. See `alarm`."""

    bad: object
    clear: object
    raise_after: object
    clear_after: object
    quiet: object
    key: object
    pending_at_most: object
    incident: object
    mute_during: object = None

    @property
    def default_name(self) -> str:
        """The step's name where it was given none."""
        return "alarm"

    @property
    def result_type(self) -> Any:
        """How it stands."""
        return Alarmed

    def draft(self) -> Draft:
        """The step in its place."""
        return DraftAlarm(self)


def alarm(
    name: str,
    *,
    bad: Condition,
    clear: Condition | None = None,
    raise_after: int | timedelta = 1,
    clear_after: int | timedelta = 1,
    quiet: Condition | None = None,
    key: object = None,
    pending_at_most: timedelta = timedelta(seconds=PENDING),
    incident: Incident | None = None,
    mute_during: Node[Muted] | None = None,
) -> AlarmStep:
    """Watches a condition over the runs of a flow: raised when bad for long enough, cleared when well again.

    The output is an `Alarmed`. Its `raised` and `cleared` stay true in the runs that follow until one that saw them has
    ended well: what failed behind the alarm is tried again, what succeeded is not repeated. A check whose values are
    missing, and one that is neither bad nor clear, changes nothing.

    Args:
        name: what the alarm is called. What it remembers is known by this name.
        bad: a condition, as for `when`.
        clear: when it is well again; without it, when `bad` does not hold. Where both hold, it is bad.
        raise_after: how many checks in a row have to be bad, or for how long.
        clear_after: how many checks in a row have to be clear, or for how long.
        quiet: a condition, such as `during("22:00-07:00", timezone="Europe/Paris")`, under which it is not raised. If
            it is still bad afterwards, it is raised then.
        key: what tells the items of a loop apart, each of which is an alarm of its own; without it, the item itself or
            its `name`, `id` or `key`.
        pending_at_most: an alarm that is pending, and within this time neither bad again nor clear, is pending no more.
        incident: what is opened when it is raised and closed when it is cleared, as a provider gives it.
        mute_during: a node that says whether nobody is to be called now, such as `pagerduty.maintenance(...)`. It is
            asked when the alarm is about to be raised. Where it fails, people are told.

    >>> from resolute import output
    >>> alarm("checkout", bad=output("health.status") == "critical", raise_after=3, clear_after=2).output.raised
    checkout.raised
    """
    return AlarmStep(
        bad,
        clear,
        raise_after,
        clear_after,
        quiet,
        key,
        pending_at_most,
        incident,
        mute_during,
        name=name,
        written_at=place_of_caller(),
    )


@dataclass(frozen=True, eq=False)
class DraftAlarm(Draft):
    """An alarm in its place."""

    step: AlarmStep  # pyright: ignore[reportIncompatibleVariableOverride]  # narrower, and frozen

    kind: ClassVar[str] = "alarm"

    def fresh(self) -> Draft:
        """The same alarm in another place."""
        return DraftAlarm(self.step)


def compile_alarm(draft: DraftAlarm, steps: Steps, scope: Scope, place: str) -> tuple[list[Step], Scope]:
    """The alarm, behind the decisions that its conditions read; behind it, how it stands is known."""
    step_id = steps.naming.ids[id(draft)]
    compiled = _Compiling(draft.step, steps, step_id, scope, f"{place} {step_id!r}").steps()
    return compiled, knowing(scope, {step_id: steps.naming.shapes[step_id]})


class _Compiling:
    """One alarm, all of whose mistakes are reported."""

    def __init__(self, step: AlarmStep, steps: Steps, step_id: str, scope: Scope, place: str) -> None:
        self._step = step
        self._steps = steps
        self._id = step_id
        self._scope = scope
        self._place = place

    def steps(self) -> list[Step]:
        """What a plan holds of it; what is mistaken is left out."""
        step = self._step
        if self._scope.in_failure:
            self._report("an alarm is watched in every run, and on_failure runs in few", "put it among the steps")
        elif not self._scope.has_previous and self._id not in self._steps.naming.many:
            self._report(
                "an alarm remembers from run to run, and runs of a schedule that overlap hand on nothing",
                "let the runs of the schedule not overlap, or give the flow another trigger beside it",
            )
        before, bad = self._condition("bad", step.bad)
        also, clear = self._condition("clear", step.clear)
        asked, quiet = self._condition("quiet", step.quiet)
        raises, clears, known_by = self._incident()
        pending = self._seconds("pending_at_most", step.pending_at_most)
        compiled = Alarm(
            id=self._id,
            bad=cast("Any", bad),
            clear=cast("Any", clear),
            raise_after=self._after("raise_after", step.raise_after),
            clear_after=self._after("clear_after", step.clear_after),
            quiet=cast("Any", quiet),
            quiet_decision=tuple(asked),
            key=cast("Any", self._key()),
            pending=PENDING if pending is None else pending,
            raises=raises,
            clears=clears,
            incident=cast("Any", known_by),
            muted_by=self._muted_by(),
            reopen_after=self._reopen_after(),
        )
        for problem in compiled.problems():
            self._report(problem, "")
        return [*before, *also, compiled]

    def _report(self, message: str, hint: str) -> None:
        self._steps.mistakes.report(self._place, message, hint)

    def _condition(self, name: str, condition: object) -> tuple[list[Call], Json]:
        if condition is None and name != "bad":
            return [], None
        step_id = f"{self._id}_quiet" if name == "quiet" else self._id
        return self._steps.conditions.compiled(condition, step_id, self._scope, f"{self._place} {name}")

    def _after(self, name: str, value: object) -> After:
        if isinstance(value, After):
            return value
        if isinstance(value, timedelta):
            return After(seconds=value.total_seconds())
        if isinstance(value, int) and not isinstance(value, bool):
            return After(checks=value)
        hint = f"give {name}=3 for checks in a row, or {name}=timedelta(minutes=5)"
        self._report(f"{name}: {spoken(value)} is no number of checks and no length of time", hint)
        return After(checks=1)

    def _seconds(self, name: str, value: object) -> float | None:
        if isinstance(value, timedelta):
            return value.total_seconds()
        self._report(f"{name}: {spoken(value)} is no length of time", f"give {name}=timedelta(hours=24)")
        return None

    def _encoded(self, name: str, value: object, target: Shape) -> Json:
        encoded = self._steps.values.encode(value, self._place, f"{name}: ")
        if encoded is NOTHING:
            return None
        for each in encoded if isinstance(encoded, list) and target is _KEY else [encoded]:
            check_fit(each, target, self._scope, self._steps.mistakes.at(self._place, f"{name}: "))
        if has_holes(encoded):
            self._report(f"{name} is read in the run, which knows no env(...) and no secret(...)", "")
        return encoded

    def _key(self) -> Json:
        """What tells items apart: what the author says, else of each loop around what tells its items apart."""
        if self._step.key is not None:
            if not holds_expression(self._step.key):
                self._report(f"key: {spoken(self._step.key)} is the same for every item", "give a field of the item")
            return self._encoded("key", self._step.key, _KEY)
        keys = [key for name, shape in self._scope.items.items() if (key := self._key_of(name, shape)) is not None]
        return keys or None

    def _key_of(self, name: str, item: Shape) -> Json:
        if item.kinds and item.kinds <= _KEY.kinds:
            return {"$item": [name]}
        found = next((each for each in _NAMES if each in item.fields), None)
        if found is None:
            hint = "give key=host.name, or what else stays the same from run to run; a list of several parts"
            self._report(f"it is not known what tells the items of {name!r} apart", hint)
            return None
        return {"$item": [name, found]}

    def _incident(self) -> tuple[tuple[Call, ...], tuple[Call, ...], Json]:
        """The calls that open and close it, and what it is known by."""
        incident = self._step.incident
        if incident is None:
            return (), (), None
        if not isinstance(incident, Incident):
            hint = "give what a provider makes, such as pagerduty.incident_for(...), or an Incident(...)"
            self._report(f"incident: {spoken(incident)} is no incident", hint)
            return (), (), None
        known_by = self._encoded("incident", incident.known_by, _TEXT)
        return self._calls("raise", incident.raises), self._calls("clear", incident.clears), known_by

    def _reopen_after(self) -> float | None:
        incident = self._step.incident
        after: object = incident.reopen_after if isinstance(incident, Incident) else None
        return None if after is None else self._seconds("reopen_after", after)

    def _muted_by(self) -> tuple[Call, ...]:
        """The call that says whether it is muted."""
        node = self._step.mute_during
        if node is None:
            return ()
        if isinstance(node, Node):
            node = cast("Node[Any]", node)
            gives = shape_of_type(node.result_type, "serialization")
            for problem in misfits(gives, shape_of_type(Muted, "validation")):
                hint = "give a node that returns a resolute.Muted, such as pagerduty.maintenance(...)"
                self._report(f"mute_during: {problem}", hint)
        return self._calls("mute", node)

    def _calls(self, word: str, given: object) -> tuple[Call, ...]:
        nodes = list(cast("Sequence[object]", given)) if isinstance(given, (list, tuple)) else [given]
        if not nodes:
            self._report(f"there is no step to {word} it", "give a node")
        made = [
            call_inside(
                node,
                self._steps,
                f"{self._id}_{word}",
                self._scope,
                f"{self._place} {word}[{number}]",
                of="an alarm",
            )
            for number, node in enumerate(nodes)
        ]
        return tuple(each[1] for each in made if each is not None)


def lift_alarm(alarm: Alarm, lifter: Lifter) -> Draft:
    """The alarm; the steps of its incident are given as they are."""
    lifter.block(alarm.quiet_decision)
    raises = [node for call in alarm.raises if (node := lift_node(call, lifter))]
    clears = [node for call in alarm.clears if (node := lift_node(call, lifter))]
    reopen_after = None if alarm.reopen_after is None else timedelta(seconds=alarm.reopen_after)
    incident = Incident(raises, clears, cast("str", decoded(cast("Json", alarm.incident))), reopen_after)
    step = AlarmStep(
        lifter.condition(cast("Json", alarm.bad)),
        None if alarm.clear is None else lifter.condition(cast("Json", alarm.clear)),
        alarm.raise_after,
        alarm.clear_after,
        None if alarm.quiet is None else lifter.condition(cast("Json", alarm.quiet)),
        None if alarm.key is None else decoded(cast("Json", alarm.key)),
        timedelta(seconds=alarm.pending),
        incident if alarm.raises or alarm.clears else None,
        next((node for call in alarm.muted_by if (node := lift_node(call, lifter))), None),
        name=lifter.name_of(alarm),
        written_at=lifter.place(alarm),
    )
    return DraftAlarm(step)
