"""A run's plan, interpreted through as many histories as it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from temporalio import workflow

from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter, RunContinuedError
from resolute.running.origin import Origin
from resolute.running.outcomes import outcomes_from
from resolute.running.recall import Memory
from resolute.running.run import TAKES_TURNS
from resolute.running.runtime import CallRequest
from resolute.running.window import Window
from resolute.temporal.trust.belief import purpose_of
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.values.packing import packed
from resolute.temporal.wire.ids import activity_id
from resolute.temporal.wire.messages import sealed
from resolute.temporal.wire.start import (
    BEGAN_AT,
    PERSON,
    SCHEDULED_FOR,
    STARTED_BY_STEP,
    Earlier,
    continued_argument,
    start_argument,
)
from resolute.temporal.workflows.at_hand import history_is_full, keys_at_hand
from resolute.temporal.workflows.carried import Carried
from resolute.temporal.workflows.hearing import Hearing
from resolute.temporal.workflows.runtime import TemporalRuntime
from resolute.temporal.workflows.shelter import SHELTERS, sheltered


async def interpreted(plan: Plan, carried: Carried, memory: Memory | None, earlier: Earlier, hearing: Hearing) -> Json:
    """Runs the plan to its end, or continues the run in another history when this one has become too long.

    Raises:
        FlowError: the run failed, was cancelled or ran out of time.
        UnknownNodeError: this worker lacks a node, and another one may be given the task.
    """
    full, recorded = history_is_full, carried.recorded
    while True:
        runtime = _runtime(plan, carried.keys, recorded, full)
        interpreter = _interpreter(plan, runtime, carried.input, memory, earlier)
        hearing.begin(interpreter)
        run = _run(interpreter, runtime)
        try:
            if plan.interpreter < SHELTERS:
                return await run
            return await sheltered(run, interpreter.cancel, runtime.handed_back)
        except RunContinuedError:
            # What has been accepted is answered first. A cancel that comes until then goes on in the next history.
            await sheltered(_ready_to_end(runtime), interpreter.cancel)
            handed: Json = {} if memory is None else memory.as_detail()
            earlier = replace(earlier, outcomes=interpreter.outcomes().as_json(), memory=handed)
            argument = packed(continued_argument(plan, carried.input, keys=carried.keys, earlier=earlier))
            if recorded_size(argument) <= PAYLOAD_LIMIT:
                workflow.continue_as_new(args=[argument], memo=_memo())
            # What has to be carried is larger than Temporal takes: the run has this history and no other.
            workflow.logger.warning("the run cannot be continued in a new history: its outcomes are too large")
            full, recorded = _never, runtime.unsent


def _runtime(plan: Plan, keys: PlanKeys, recorded: int, full: Callable[[int], bool]) -> TemporalRuntime:
    # A run that is not believed can go on only where it was begun long ago; its calls are not sealed.
    return TemporalRuntime(
        _call_seals(keys),
        start=lambda child: packed(start_argument(child.plan, child.input, keys=keys)),
        letter=lambda message, flow, run: sealed(message, flow, run, keys_at_hand()).as_json(),
        waits=plan.interpreter >= SHELTERS,
        bounded=plan.interpreter >= TAKES_TURNS,
        recorded=recorded,
        full=full,
        interpreter=plan.interpreter,
    )


def _interpreter(
    plan: Plan, runtime: TemporalRuntime, given: Json, memory: Memory | None, earlier: Earlier
) -> Interpreter:
    return Interpreter(
        plan,
        runtime,
        input_data=given,
        memory=memory,
        scheduled_for=_scheduled_for(),
        outcomes=None if earlier.outcomes is None else outcomes_from(earlier.outcomes),
        origin=Origin(workflow.info().first_execution_run_id, str(workflow.memo_value(PERSON, ""))),
        hands_undo_on=_is_of_a_step(),
        window=Window(only=earlier.only),
    )


def _call_seals(keys: PlanKeys) -> Callable[[CallRequest], str | None]:
    info = workflow.info()

    def seal(call: CallRequest) -> str | None:
        step = activity_id(call.step)  # as its worker knows it
        purpose = purpose_of(dry=call.dry)
        return keys.seal(purpose, info.workflow_type, info.workflow_id, step, call.node, call.arguments)

    return seal


async def _run(interpreter: Interpreter, runtime: TemporalRuntime) -> Json:
    result = await interpreter.run()
    await runtime.make_room(recorded_size(result))
    return result


async def _ready_to_end(runtime: TemporalRuntime) -> None:
    await runtime.make_room(PAYLOAD_LIMIT)
    await workflow.wait_condition(workflow.all_handlers_finished)


def _never(_: int) -> bool:
    return False


def _memo() -> Mapping[str, Any]:
    """What the run's next part is known by: who started the run, and when."""
    memo = workflow.memo()
    return {BEGAN_AT: workflow.info().workflow_start_time.isoformat(), **memo}


def _is_of_a_step() -> bool:
    """Whether a step of another run of ours started this one."""
    return workflow.info().parent is not None and bool(workflow.memo_value(STARTED_BY_STEP, ""))


def _scheduled_for() -> datetime:
    """When the run was due: as its schedule says, else when it was started."""
    info = workflow.info()
    return info.typed_search_attributes.get(SCHEDULED_FOR) or info.workflow_start_time
