"""From a draft to a plan: names every step, checks every value, and reports every mistake at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from resolute.plan.errors import FlowBuildError
from resolute.plan.language import has_holes
from resolute.plan.plan import Plan
from resolute.plan.shapes import ANY, Shape, object_shape, or_null
from resolute.plan.soundness import DEEPEST_BLOCK, plan_problems, too_deep
from resolute.plan.step import walk
from resolute.plan.values import Json
from resolute.writing.checks import Scope, shape_in
from resolute.writing.declarations import Declarations
from resolute.writing.draft import FlowDraft, nested
from resolute.writing.flow import Flow
from resolute.writing.frame import (
    check_frame,
    check_keyed,
    check_once,
    hands_on_memory,
    input_shape,
    runs_outside_of_schedules,
    size_problems,
)
from resolute.writing.kinds import COMPILING
from resolute.writing.mistakes import Mistakes
from resolute.writing.naming import Naming
from resolute.writing.remembering import (
    decides,
    followed,
    problems_of_cursors,
    problems_of_memory,
    reads_of_earlier_runs,
    remembered,
    types_at,
)
from resolute.writing.steps import Steps
from resolute.writing.values import NOTHING, Values


def compile_flow(draft: FlowDraft) -> Flow:
    """Turns a draft into a flow.

    Raises:
        FlowBuildError: the flow cannot run; lists every mistake.
    """
    depth = nested((*draft.steps, *draft.failure_steps))
    if depth > DEEPEST_BLOCK:
        raise FlowBuildError(draft.name, [too_deep(depth)])
    mistakes = Mistakes(draft.mistakes)
    check_frame(draft, mistakes)
    naming, declarations = Naming(draft, mistakes), Declarations(mistakes)
    values = Values(naming, mistakes)
    steps = Steps(draft, COMPILING, naming=naming, declarations=declarations, values=values, mistakes=mistakes)
    base = Scope(
        known={},
        everywhere=naming.shapes,
        untyped=naming.untyped,
        many=naming.many,
        elsewhere={name: f"step {name!r} comes later" for name in naming.shapes},
        input=input_shape(draft),
        has_previous=hands_on_memory(draft) or runs_outside_of_schedules(draft),
    )
    check_once(draft, base, mistakes)
    check_keyed(draft, base, mistakes)
    good, scope = steps.block(draft.steps, base, "")
    unknown = dict.fromkeys(naming.shapes, "the run may have failed before it")
    failed, _ = steps.block(draft.failure_steps, replace(base, in_failure=True, elsewhere=unknown), "on_failure.")
    returns, gives = _result(draft, values, scope, mistakes, naming.named)
    triggers = tuple(spec.trigger for spec in draft.triggers)
    reads = reads_of_earlier_runs((*good, *failed), returns)
    for problem in problems_of_memory(
        reads, triggers, named=naming.named, unnamed=naming.shapes.keys() - naming.many.keys()
    ):
        mistakes.report(problem.place, problem.message, problem.hint)
    cursors = followed((*good, *failed), returns)
    for problem in problems_of_cursors(cursors):
        mistakes.report(problem.place, problem.message, problem.hint)
    if mistakes.found:
        raise FlowBuildError(draft.name, mistakes.found)
    keeps = base.has_previous and (bool(reads) or any(step.remembers for step in walk(good)))
    if hands_on_memory(draft) and decides((*good, *failed)):
        reads += [(name, ()) for name in naming.named]
    plan = Plan(
        name=draft.name,
        description=draft.description,
        triggers=triggers,
        steps=good,
        on_failure=failed,
        outputs=tuple(naming.named),
        returns=cast("Any", returns),
        has_returns=bool(draft.result),
        one_per=draft.keyed.keyed,
        remembers=base.has_previous and (bool(reads) or keeps),
        shares_memory=keeps and runs_outside_of_schedules(draft),
        memory=remembered(reads, naming.types) if base.has_previous else (),
        cursors=cursors,
        when_stuck=draft.when_stuck,
        mode=draft.mode,
        within=draft.within.total_seconds() if draft.within else None,
        types={step: types_at(given, ()) for step, given in naming.types.items()} if draft.when_stuck == "hold" else {},
        places={step_id: place for step_id, place in steps.places.items() if place},
    )
    if problems := [*plan_problems(plan), *size_problems(plan)]:
        raise FlowBuildError(draft.name, problems)
    inputs = tuple(spec.input_type for spec in draft.triggers)
    return Flow(plan, dict(declarations.definitions), inputs, gives, tuple(steps.children))


def _result(draft: FlowDraft, values: Values, scope: Scope, mistakes: Mistakes, named: list[str]) -> tuple[Json, Shape]:
    """What the run gives back, where the flow says it, and what is known of that."""
    if not draft.result:
        shapes = {name: scope.known.get(name) or or_null(scope.everywhere[name]) for name in named}
        return None, object_shape(draft.name, shapes)
    returns = values.encode(draft.result[0], "returns")
    if returns is NOTHING:
        return None, ANY
    shape = shape_in(returns, scope, mistakes.at("returns"))
    if has_holes(returns):
        mistakes.report("returns", "a result cannot read env(...) or secret(...)", "return a node's output")
    return returns, shape
