"""The one workflow: an interpreter of plans. The workflow type of a run is its flow's name.

It runs without the SDK's sandbox. The sandbox guards against an author's code in the workflow, and none is there:
authors' code runs in activities only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception

from resolute.plan.errors import FlowError, RunCancelledError, RunTimedOutError, UnknownFlowError, UnsealedPlanError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.plan import Plan
from resolute.plan.texts import text_of
from resolute.plan.values import Json
from resolute.running.boundary import flow_error
from resolute.running.interpreter import Interpreter, RunContinuedError
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.origin import Origin
from resolute.running.outcomes import outcomes_from
from resolute.running.recall import Memory, memory_in_failure
from resolute.running.result import recorded_of
from resolute.running.run import TAKES_TURNS
from resolute.running.runtime import CallRequest
from resolute.running.window import Window
from resolute.temporal.at_hand import keys_at_hand
from resolute.temporal.failures import ENDED, run_failure, with_memory
from resolute.temporal.handed import READS_FAILURES, handed_memory
from resolute.temporal.handing_over import handed_over
from resolute.temporal.messages import ASK, TELL, message_of, open_letter
from resolute.temporal.runtime import TemporalRuntime
from resolute.temporal.seals import NO_KEYS, PlanKeys
from resolute.temporal.shelter import SHELTERS, sheltered
from resolute.temporal.start import (
    BEGAN_AT,
    PERSON,
    RECORD_PLAN,
    SCHEDULED_FOR,
    STARTED_BY,
    STARTED_BY_STEP,
    Earlier,
    Envelope,
    Record,
    continued_argument,
    open_envelope,
    open_record,
    read_plan,
    start_argument,
    without_plan,
)

log = logging.getLogger(__name__)

STATUS_QUERY: Final = "status"

FULL: Final = "resolute.full"
"""The name under which a test says when a history is to end; else Temporal says it."""

_SCHEDULE: Final = SearchAttributeKey.for_keyword("TemporalScheduledById")

_REFUSED: Final = "resolute.refused"
"""The mark in the history of a run whose plan was not believed."""


@workflow.defn(dynamic=True)
class FlowWorkflow:
    """Runs any flow."""

    def __init__(self) -> None:
        self._interpreter: Interpreter | None = None
        self._early: list[Message] = []

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Json:
        """Runs the plan that the run carries, or the one that its first step records."""
        memory: Memory | None = None
        try:
            memory = handed_memory()
            envelope, keys = open_envelope(_decoded(args)), keys_at_hand()
            given = envelope.input
            if envelope.plan is None:
                record = await _recorded(envelope)
                carried, given = record.plan, record.input_of(given)
                believed = keys.verifies(record.seal, "record", *_names(), carried)
            else:
                carried, believed = await _carried(envelope, keys)
            plan = read_plan(carried)
            if plan.one_per is not None:
                argument = without_plan(given) if envelope.plan is None else _decoded(args)
                if (handed := await handed_over(plan.one_per, given, argument)) is not None:
                    return recorded_of(handed)
            if envelope.earlier.memory is not None:
                memory = memory_in_failure([envelope.earlier.memory])
            elif plan.interpreter < READS_FAILURES:
                memory = handed_memory(failed=False)
            trusted = keys if believed else NO_KEYS
            recorded = recorded_size(carried) if envelope.plan is None else 0
            result = await self._interpreted(plan, given, memory, envelope.earlier, trusted, recorded)
        except ApplicationError as error:
            _tell_end("failed", error.message)
            raise with_memory(error, memory) from None
        except FailureError:
            _tell_end("cancelled")
            raise  # Temporal's own: the run is cancelled
        except Exception as error:
            failed = flow_error(error)
            ended = self._end(failed, memory)
            _tell_end(_outcome(failed), text_of(failed))
            raise ended from None
        else:
            _tell_end("completed")
            return result
        finally:
            self._tell_warnings()

    async def _interpreted(
        self, plan: Plan, given: Json, memory: Memory | None, taken: Earlier, keys: PlanKeys, recorded: int
    ) -> Json:
        """Runs the plan to its end, or continues the run in another history when this one has become too long."""
        full = _history_is_full
        while True:
            # A run that is not believed can go on only where it was begun long ago; its calls are not sealed.
            shelters = plan.interpreter >= SHELTERS
            runtime = TemporalRuntime(
                _call_seals(keys),
                start=lambda child: start_argument(child.plan, child.input, keys=keys),
                waits=shelters,
                bounded=plan.interpreter >= TAKES_TURNS,
                recorded=recorded,
                full=full,
            )
            earlier = None if taken.outcomes is None else outcomes_from(taken.outcomes)
            self._interpreter = Interpreter(
                plan,
                runtime,
                input_data=given,
                memory=memory,
                scheduled_for=_scheduled_for(),
                outcomes=earlier,
                origin=Origin(workflow.info().first_execution_run_id, str(workflow.memo_value(PERSON, ""))),
                hands_undo_on=_is_of_a_step(),
                window=Window(only=taken.only),
            )
            self._take_early()
            run = _run(self._interpreter, runtime)
            try:
                return await (sheltered(run, self._interpreter.cancel) if shelters else run)
            except RunContinuedError:
                # What has been accepted is answered first. A cancel that comes until then goes on in the next history.
                await sheltered(_ready_to_end(runtime), self._interpreter.cancel)
                outcomes = self._interpreter.outcomes().as_json()
                handed: Json = {} if memory is None else memory.as_detail()
                taken = Earlier(outcomes=outcomes, memory=handed, only=taken.only)
                argument = continued_argument(plan, given, keys=keys, earlier=taken)
                if recorded_size(argument) <= PAYLOAD_LIMIT:
                    workflow.continue_as_new(args=[argument], memo=_memo())
                # What has to be carried is larger than Temporal takes: the run has this history and no other.
                workflow.logger.warning("the run cannot be continued in a new history: its outcomes are too large")
                full, recorded = _never, runtime.unsent

    def _end(self, error: FlowError, given: Memory | None) -> BaseException:
        """What a run that did not complete ends with.

        A run that Temporal counts as cancelled hands nothing on, to its schedule or to people, and Temporal counts only
        the history so that was asked to end. So a run that has something to hand on, or undid its work in a later
        history, ends by a failure that says that it was cancelled.
        """
        failed_as_well = self._interpreter.state.compensation_failures if self._interpreter else ()
        memory = self._handed_on(given)
        if isinstance(error, RunCancelledError):
            memory = memory if _is_scheduled() else None
            if memory is None and not failed_as_well and workflow.cancellation_reason() is not None:
                return asyncio.CancelledError()
            workflow.upsert_memo({ENDED: "cancelled"})
        if isinstance(error, RunTimedOutError):
            workflow.upsert_memo({ENDED: "timed_out"})
        return run_failure(error, workflow.payload_converter(), memory, failed_as_well)

    def _handed_on(self, given: Memory | None) -> Memory | None:
        # A run that could not begin hands on what it was given, or the next one would know nothing.
        if self._interpreter is None:
            return given
        try:
            return self._interpreter.handed_on()
        except Exception as error:  # the run has failed already, and must end
            workflow.logger.warning("the next run knows only what this one knew: %s", text_of(error))
            return given

    def _tell_warnings(self) -> None:
        for warning in self._interpreter.new_warnings if self._interpreter else ():
            workflow.logger.warning(warning)

    @workflow.update(name=ASK, description="Says something to the run, which answers: a decision, an event, an order.")
    async def ask(self, given: Any) -> Any:
        """Takes a message; see `resolute.temporal.messages`."""
        try:
            message = message_of(given)
            await workflow.wait_condition(lambda: self._interpreter is not None and self._interpreter.is_ready(message))
            return cast("Interpreter", self._interpreter).take(message)
        except MessageRefusedError as error:
            raise _refused(error) from None

    @ask.validator
    def check_asked(self, given: Any) -> None:
        """Refuses what could not be taken; nothing of it is recorded then."""
        try:
            message = open_letter(given, *_names(), workflow.info().first_execution_run_id, keys_at_hand())
            if self._interpreter is not None:
                self._interpreter.check(message)
        except MessageRefusedError as error:
            raise _refused(error) from None

    @workflow.signal(name=TELL, description="Says something to the run, without an answer.")
    def tell(self, given: Any) -> None:
        """Takes a message; what is refused is a line in the log."""
        try:
            message = self._believed(given)
            if message is None:
                return
            if self._interpreter is None:
                self._early.append(message)
            else:
                _taken(self._interpreter, message)
        except MessageRefusedError as error:
            workflow.logger.warning("a message was refused: %s", error)

    def _believed(self, given: Json) -> Message | None:
        """The message of a signal, if it is believed: decided when it comes, and the same in every replay."""
        message = message_of(given)
        try:
            open_letter(given, *_names(), workflow.info().first_execution_run_id, keys_at_hand())
        except MessageRefusedError as error:
            if workflow.patched(f"{_REFUSED}:{message.id[:200]}"):
                workflow.logger.warning("a message was refused: %s", error)
                return None
        return message

    def _take_early(self) -> None:
        """What was said to the run before it knew its plan."""
        early, self._early = self._early, []
        for message in early:
            try:
                cast("Interpreter", self._interpreter).take(message)
            except MessageRefusedError as error:
                workflow.logger.warning("a message was refused: %s", error)

    @workflow.query(name=STATUS_QUERY, description="The run and each of its steps: status, times, outputs, failures.")
    def status(self) -> Json:
        """What `RunReport` holds, as JSON; without outputs where they are too large to be answered."""
        if self._interpreter is None:
            return {"flow": workflow.info().workflow_type, "steps": []}
        report = self._interpreter.state.report()
        told = cast("Json", report.model_dump(mode="json", exclude={"status", "result"}))
        if recorded_size(told) <= PAYLOAD_LIMIT:
            return told
        brief: Any = {"status": True, "result": True, "steps": {"__all__": {"output"}}}
        return cast("Json", report.model_dump(mode="json", exclude=brief))


def _refused(error: MessageRefusedError) -> ApplicationError:
    return ApplicationError(str(error), error.facts(), type=type(error).__name__, non_retryable=True)


def _history_is_full(ended: int) -> bool:
    functions = cast("Mapping[str, Callable[[int], bool]]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
    return functions[FULL](ended) if FULL in functions else workflow.info().is_continue_as_new_suggested()


def _memo() -> Mapping[str, Any]:
    """What the run's next part is known by: who started the run, and when."""
    memo = workflow.memo()
    return {BEGAN_AT: workflow.info().workflow_start_time.isoformat(), **memo}


def _never(_: int) -> bool:
    return False


def _is_scheduled() -> bool:
    return workflow.info().typed_search_attributes.get(_SCHEDULE) is not None


def _is_of_a_step() -> bool:
    """Whether a step of another run of ours started this one."""
    return workflow.info().parent is not None and bool(workflow.memo_value(STARTED_BY_STEP, ""))


def _scheduled_for() -> datetime:
    """When the run was due: as its schedule says, else when it was started."""
    info = workflow.info()
    return info.typed_search_attributes.get(SCHEDULED_FOR) or info.workflow_start_time


def _taken(interpreter: Interpreter, message: Message) -> None:
    try:
        interpreter.take(message)
    except MessageRefusedError as error:
        if error.why != "moving":
            raise
        interpreter.put_by(message)  # a signal cannot be sent again by who does not hear that it was refused


async def _ready_to_end(runtime: TemporalRuntime) -> None:
    await runtime.make_room(PAYLOAD_LIMIT)
    await workflow.wait_condition(workflow.all_handlers_finished)


async def _run(interpreter: Interpreter, runtime: TemporalRuntime) -> Json:
    result = await interpreter.run()
    await runtime.make_room(recorded_size(result))
    return result


def _outcome(error: FlowError) -> str:
    if isinstance(error, RunTimedOutError):
        return "timed out"
    return "cancelled" if isinstance(error, RunCancelledError) else "failed"


def _tell_end(outcome: str, why: str = "") -> None:
    """One line in the log when a run ends; none where its history is only read again."""
    if workflow.unsafe.is_replaying():
        return
    info = workflow.info()
    about = {"flow": info.workflow_type, "run": info.workflow_id, "outcome": outcome}
    if by := workflow.memo_value(STARTED_BY, ""):
        about["started_by"] = str(by)
    log.log(
        logging.WARNING if outcome in ("failed", "timed out") else logging.INFO,
        f"run {outcome}%s",
        why and f": {why}",
        extra=about,
    )


def _decoded(args: Sequence[RawValue]) -> Json:
    # A start without any argument is a start without input; other clients do that.
    return workflow.payload_converter().from_payload(args[0].payload) if args else None


async def _carried(envelope: Envelope, keys: PlanKeys) -> tuple[Json, bool]:
    """The plan that the run came with, and whether it is sealed.

    A run is refused in its first task or never: a key that is taken away later must not break a run in flight, so a
    replay refuses only what was refused before. That is what the mark says.

    Raises:
        UnsealedPlanError: it is not sealed, and the run has just begun.
    """
    if envelope.is_sealed(keys, workflow.info().workflow_type):
        return envelope.plan, True
    if not keys and workflow.info().continued_run_id:
        return envelope.plan, False  # nobody but the run itself can have continued it, and nobody here seals anything
    if not workflow.patched(_REFUSED):
        return envelope.plan, False
    flow = workflow.info().workflow_type
    if not keys:
        why = "this worker has no keys to verify it: set RESOLUTE_PLAN_KEYS for whoever starts runs and for workers"
    elif envelope.seal is None:
        why = "it is not sealed: start the run with `resolute run`, or without a plan and with its input alone"
    elif not keys.knows(envelope.seal):
        why = "it is sealed with a key that this worker does not have: compare RESOLUTE_PLAN_KEYS of both sides"
    else:
        why = "its seal does not fit this flow, this plan and this input: one of them was changed, or it is forged"
    raise UnsealedPlanError(f"the plan that came with this run of flow {flow!r} is not trusted: {why}")


async def _recorded(envelope: Envelope) -> Record:
    """What the run records at its first step: the plan that the worker has for the flow, and the input as it reads it.

    Raises:
        ApplicationError: the worker has no such flow, or the flow does not take the input.
    """
    flow, _ = _names()
    try:
        recorded = await workflow.execute_local_activity(
            RECORD_PLAN,
            {"flow": flow, **({"input": envelope.input} if envelope.unread else {})},
            activity_id=RECORD_PLAN,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=3),
            summary="record the plan",
        )
    except FailureError as error:
        if is_cancelled_exception(error):
            raise
        cause = error.cause
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            raise ApplicationError(cause.message, type=cause.type, non_retryable=True) from None
        raise ApplicationError(
            f"no worker gave the plan of flow {flow!r}: {cause or error}",
            type=UnknownFlowError.__name__,
            non_retryable=True,
        ) from None
    return open_record(cast("Json", recorded))


def _names() -> tuple[str, str]:
    info = workflow.info()
    return info.workflow_type, info.workflow_id


def _call_seals(keys: PlanKeys) -> Callable[[CallRequest], str | None]:
    info = workflow.info()
    return lambda call: keys.seal("call", info.workflow_type, info.workflow_id, call.step, call.node, call.arguments)
