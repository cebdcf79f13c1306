"""The frame of a flow, which is everything around its steps: its name, its triggers, its input, its size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, cast, get_args

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from resolute.plan.errors import Problem
from resolute.plan.language import HOLES, SOURCES, expressions_in
from resolute.plan.limits import PLAN_LIMIT, recorded_size
from resolute.plan.plan import Plan, WhenStuck
from resolute.plan.shapes import ANY, Schema, Shape, shape_of_type
from resolute.plan.told import Told
from resolute.plan.triggers import Heartbeat, Schedule, TriggerSpec, Webhook
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_condition, shape_in
from resolute.writing.draft import FlowDraft
from resolute.writing.mistakes import Mistakes
from resolute.writing.names import problem_of_flow_name

_LONGEST_RUN: Final = timedelta(days=3650)

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")


def check_frame(draft: FlowDraft, mistakes: Mistakes) -> None:
    """Reports what is wrong with the flow's name and with what starts it."""
    if not _NAME.fullmatch(draft.name):
        mistakes.report(
            "name",
            f"{draft.name!r} is not a valid flow name",
            "letters, digits, '-', '_' and '.', beginning with a letter",
        )
    elif problem := problem_of_flow_name(draft.name):
        mistakes.report("name", *problem)
    if not draft.steps:
        mistakes.report("steps", "the flow has no step", "add one with .then(node)")
    if not draft.triggers:
        mistakes.report(
            "trigger",
            "nothing starts the flow",
            "add .triggered_by(schedule(...)), webhook(...), heartbeat(...) or manual(...)",
        )
    if draft.when_stuck not in get_args(WhenStuck):
        mistakes.report("when_stuck", f"{draft.when_stuck!r} is not known", 'say "fail" or "hold"')
    if draft.within is not None and not _is_length(draft.within):
        mistakes.report("within", f"{draft.within!r} is no length of time", "give a timedelta of more than nothing")
    kinds = [spec.trigger.kind for spec in draft.triggers]
    for kind in ("schedule", "manual", "failed_runs"):
        if kinds.count(kind) > 1:
            mistakes.report("trigger", f"the flow has {kinds.count(kind)} {kind} triggers", "keep one")
    for index, spec in enumerate(draft.triggers):
        for message, hint in (*spec.trigger.problems(), *spec.problems):
            mistakes.report(f"trigger[{index}]", message, hint)
        if message := _taken(draft.triggers[:index], spec):
            mistakes.report(f"trigger[{index}]", message, "give each heartbeat a path of its own")


def _taken(before: Sequence[TriggerSpec], spec: TriggerSpec) -> str:
    """Which earlier trigger has the path of a heartbeat, or a heartbeat the path of this one."""
    for earlier, trigger in ((each.trigger, spec.trigger) for each in before):
        if not (isinstance(earlier, Heartbeat | Webhook) and isinstance(trigger, Heartbeat | Webhook)):
            continue
        if earlier.path == trigger.path and "heartbeat" in (earlier.kind, trigger.kind):
            return f"{trigger.path} is the path of a {earlier.kind} already"
    return ""


def _is_length(within: object) -> bool:
    return isinstance(within, timedelta) and timedelta() < within <= _LONGEST_RUN


def check_once(draft: FlowDraft, scope: Scope, mistakes: Mistakes) -> None:
    """Reports a webhook whose `once` names no field of its input."""
    for index, spec in enumerate(draft.triggers):
        trigger = spec.trigger
        if isinstance(trigger, Webhook) and isinstance(trigger.once, tuple):
            shape_in({"$input": list(trigger.once)}, scope, partial(mistakes.report, f"trigger[{index}].once"))


def check_keyed(draft: FlowDraft, scope: Scope, mistakes: Mistakes) -> None:
    """Reports keys that are no field of the input, that a schedule has not, and that are said twice."""
    for message, hint in draft.keyed.problems:
        mistakes.report("one_per", message, hint)
    if draft.keyed.keyed:
        shape_in({"$input": list(draft.keyed.keyed.key)}, scope, partial(mistakes.report, "one_per"))
    for index, spec in enumerate(draft.triggers):
        trigger, place = spec.trigger, f"trigger[{index}]"
        if draft.keyed.keyed and isinstance(trigger, Schedule):
            message = "a run that a schedule starts has no input, and so no key"
            mistakes.report(place, message, "its overlap=... says what happens; give the schedule a flow of its own")
        if draft.keyed.keyed and isinstance(trigger, Heartbeat):
            message = "a run that a heartbeat starts has the heartbeat's own input, and so no key"
            mistakes.report(place, message, "it runs once at a time anyway; give the heartbeat a flow of its own")
        if not isinstance(trigger, Webhook):
            continue
        if draft.keyed.keyed and trigger.keyed:
            mistakes.report(place, "the key of its runs is said twice", "say it in flow(...) or in webhook(...)")
        if trigger.keyed:
            shape_in({"$input": list(trigger.keyed.key)}, scope, partial(mistakes.report, f"{place}.key"))
        if trigger.told:
            _check_told(trigger.told, scope, f"{place}.", mistakes)


def _check_told(told: Told, scope: Scope, place: str, mistakes: Mistakes) -> None:
    if isinstance(told.event, tuple):
        shape_in({"$input": list(told.event)}, scope, partial(mistakes.report, f"{place}event"))
    if told.data:
        shape_in({"$input": list(told.data)}, scope, partial(mistakes.report, f"{place}event_data"))
    condition = cast("Json", told.starts)
    if condition is None:
        return
    check_condition(condition, scope, partial(mistakes.report, f"{place}starts"))
    others = {
        operator for operator, _ in expressions_in(condition) if operator in (SOURCES | HOLES) - {"$input", "$item"}
    }
    if others:
        hint = 'compare fields of the input: input_data("action") == "opened"'
        mistakes.report(f"{place}starts", f"it reads {', '.join(sorted(others))} before there is a run", hint)


def check_input_model(model: Any, draft: FlowDraft, mistakes: Mistakes) -> None:
    """Reports an input that no model reads: it comes as it was sent, by alias, where a flow reads by name."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(model)
        by_alias, by_name = (adapter.json_schema(by_alias=each, mode="validation") for each in (True, False))
    except PydanticUserError:
        return  # nothing is known of its fields
    for index, spec in enumerate(draft.triggers):
        if by_alias != by_name and spec.input_type is None and not isinstance(spec.trigger, Schedule):
            name = getattr(model, "__name__", str(model))
            message = f"the flow reads the input as {name}, which has aliases, and the trigger does not"
            mistakes.report(f"trigger[{index}]", message, f"say input={name}")


def input_shape(draft: FlowDraft) -> Shape:
    """The input as a run has it: the model has read it, and what it holds is written by field name."""
    types = {spec.input_type for spec in draft.triggers}
    known = types.pop() if len(types) == 1 else None
    if known is not None:
        return shape_of_type(known, "serialization")
    schemas = [spec.trigger.input_schema for spec in draft.triggers if not isinstance(spec.trigger, Schedule)]
    if len(schemas) == len(draft.triggers) == 1 and schemas[0] is not None:
        schema = cast("Schema", schemas[0])  # of a flow that is data, which has no model
        return Shape(schema, cast("Schema", schema.get("$defs", {})))
    return ANY


def runs_outside_of_schedules(draft: FlowDraft) -> bool:
    """Whether something else than a schedule starts the flow, so that no schedule hands on what all runs know."""
    return any(not isinstance(spec.trigger, Schedule) for spec in draft.triggers)


def hands_on_memory(draft: FlowDraft) -> bool:
    """Whether a schedule starts the flow whose runs hand values from one to the next."""
    return any(isinstance(spec.trigger, Schedule) and spec.trigger.keeps_previous for spec in draft.triggers)


def size_problems(plan: Plan) -> list[Problem]:
    """The mistake of a plan that is larger than a run can carry, if it is."""
    size = recorded_size(cast("Json", plan.model_dump(mode="json")))
    if size <= PLAN_LIMIT:
        return []
    hint = "give steps references to large data instead of the data"
    return [Problem("steps", f"the plan has {size:,} bytes, {PLAN_LIMIT:,} is the most", hint)]
