"""Starts a run with what another run has come to: from one of its steps on, or for that step alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from temporalio.client import Client

from resolute.plan.errors import ConfigurationError
from resolute.plan.plan import Plan
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import Step, plan_name, walk
from resolute.plan.values import Json, JsonObject
from resolute.running.frame import Kept
from resolute.running.outcomes import Outcomes
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.history.replaying import memory_handed, outcomes_before
from resolute.temporal.history.runs import RunSummary, describe_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.parts import histories
from resolute.temporal.wire.start import Earlier

RERUN_OF: Final = "resolute.rerun_of"
"""The memo of a run that takes another one up again: that run's ids, and the step."""

_ALL_PARTS: Final = 10_000
_SHOWN: Final = 5


class NotRerunError(ConfigurationError):
    """A run cannot be taken up again at the step that was named."""


@dataclass(frozen=True, kw_only=True)
class Rerun:
    """A run to be started: the plan, the input, and the outcomes of another run with which it begins.

    `kept` are the steps that are not run again, by their ids in the run.
    """

    source: RunSummary
    step: str
    plan: Plan
    input: Json
    outcomes: Outcomes
    memory: Json
    kept: tuple[str, ...]


async def prepare_rerun(client: Client, key: RunKey, step: str = "", *, plan: Plan | None = None) -> Rerun:
    """What a run begins with that takes another one up at a step; without a step, at the one that failed.

    The outcomes of all that does not come after the step are kept: what is before it, and what is beside it in parallel
    branches, items and turns. `plan` is the plan to go on by; without it, the plan of the other run.

    Raises:
        NotRerunError: the run is still running, did not come to that step, or has undone what would be kept; or the
            plan does not have the step, or has changed the kind of a step that would be kept.
        UnknownRunError: Temporal knows no such run.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    described = await describe_run(client, key.workflow_id, key.run_id)
    source = described.summary
    if source.status == "running":
        raise NotRerunError(f"run {source.workflow_id} is still running: wait until it ends, or cancel it first")
    events = await histories(client, source.workflow_id, source.run_id, most=_ALL_PARTS)
    recorded = await read_history(events, client.data_converter)
    own = recorded.start.plan or recorded.plan
    if own is None or described.report is None:
        raise NotRerunError(f"run {source.workflow_id} ended before it had a plan: start it again with `resolute run`")
    if not step:
        if described.report.failure is None or not described.report.failure.step:
            raise NotRerunError(
                f"run {source.workflow_id} did not fail at a step: say with --from where it is to begin"
            )
        step = described.report.failure.step
    _check_step(own, step, f"the plan of run {source.workflow_id}")
    memory = memory_handed(recorded, own)
    outcomes, window = await outcomes_before(recorded, own, step)
    if window.carried:
        raise NotRerunError(
            f"step {step!r} is not of run {source.workflow_id} itself, which began with its outcome: "
            "take up the run that it was a rerun of"
        )
    if not window.reached:
        failed = described.report.failure.step if described.report.failure else ""
        hint = f"; it failed at {failed!r}, take it up from there" if failed and failed != step else ""
        raise NotRerunError(f"run {source.workflow_id} never came to step {step!r}{hint}")
    _check_undone(outcomes, recorded, source)
    _let_go_of_failures(outcomes.kept)
    outcomes.ending, outcomes.inbox, outcomes.warnings = None, None, ()
    outcomes.apart = True  # what it knows of earlier runs is old, and later runs may know better
    outcomes.told = {each: told for each, told in outcomes.told.items() if _has_ended_well(told)}
    if plan is not None:
        _check_step(plan, step, f"the newest plan of flow {plan.name!r}")
        _check_kinds(own, plan, outcomes.kept)
    return Rerun(
        source=source,
        step=step,
        plan=(plan or own).in_mode(own.mode),  # what was made up never reaches a run that writes
        input=recorded.start.input,
        outcomes=outcomes,
        memory={} if memory is None else cast("Json", memory.as_detail()),
        kept=tuple(_kept_in(outcomes.kept, "")),
    )


async def start_rerun(
    client: Client, rerun: Rerun, *, keys: PlanKeys, input_data: Json, only: bool = False, person: str = ""
) -> RunHandle:
    """Starts the run, under a workflow id of its own; with `only`, for the one step and nothing behind it.

    `person` is who starts it, and may not decide its gates.

    Raises:
        NotRerunError: there are no keys, so that no worker would believe the outcomes.
        PayloadTooLargeError: plan, input and outcomes are larger than Temporal accepts.
    """
    if not keys:
        raise NotRerunError(
            "a run that begins with outcomes needs the key of the workers: set RESOLUTE_PLAN_KEYS (for an embedded "
            "server, RESOLUTE_STATE_DIR)"
        )
    outcomes = rerun.outcomes
    if only:
        outcomes.undo = []  # what the other run has done is its own
    source = rerun.source
    return await start_run(
        client,
        rerun.plan,
        task_queue=source.task_queue,
        input_data=input_data,
        keys=keys,
        started_by=f"{'try' if only else 'rerun'} of {source.workflow_id} from {rerun.step}",
        person=person,
        memo={RERUN_OF: {"run": source.workflow_id, "run_id": source.run_id, "step": rerun.step}},
        earlier=Earlier(outcomes=outcomes.as_json(), memory=rerun.memory, only=rerun.step if only else ""),
    )


def _check_step(plan: Plan, step: str, whose: str) -> None:
    known = [each.id for each in walk_forward(plan.steps)]
    if plan_name(step) in known:
        return
    undo = {each.id for each in walk((*plan.steps, *plan.on_failure))}
    if plan_name(step) in undo:
        raise NotRerunError(f"step {step!r} undoes or tells of a failure: name the step that it belongs to")
    raise NotRerunError(f"{whose} has no step {step!r} ({did_you_mean(plan_name(step), known)})")


def walk_forward(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step but those that undo others."""
    for step in steps:
        yield step
        for block in step.blocks():
            if block.role != "side":
                yield from walk_forward(block.steps)


def _check_undone(outcomes: Outcomes, recorded: Recorded, source: RunSummary) -> None:
    undone: list[str] = []
    for each in outcomes.undo:
        held = cast("JsonObject", each)
        calls = [f"{held['path']}{cast('JsonObject', call)['id']}" for call in cast("list[Json]", held["calls"])]
        if any(call in recorded.answers for call in calls):
            undone.append(str(held["step"]))
    if undone:
        names = ", ".join(repr(step) for step in undone[:_SHOWN])
        raise NotRerunError(
            f"run {source.workflow_id} has undone {names}, which can be kept no longer: "
            f"take it up from the first of them, --from {undone[0]}"
        )


def _let_go_of_failures(kept: Kept) -> None:
    kept.failed.clear()
    kept.held.clear()
    for inner in kept.inner.values():
        _let_go_of_failures(inner)


def _has_ended_well(told: Json) -> bool:
    return cast("JsonObject", told).get("status") in {"completed", "skipped"}


def _check_kinds(own: Plan, newest: Plan, kept: Kept) -> None:
    before, now = ({each.id: each for each in walk(plan.steps)} for plan in (own, newest))
    for step_id in _kept_in(kept, ""):
        name = plan_name(step_id)
        if name in now and name in before and now[name].kind != before[name].kind:
            raise NotRerunError(
                f"step {step_id!r} was a {before[name].kind} in the run and is a {now[name].kind} in the newest "
                "plan, so what it came to cannot be kept: take the run up from that step, or go on by its own plan"
            )


def _kept_in(kept: Kept, path: str) -> Iterator[str]:
    yield from (path + step for step in (*kept.outputs, *kept.done))
    for place, inner in kept.inner.items():
        yield from _kept_in(inner, f"{path}{place}.")
