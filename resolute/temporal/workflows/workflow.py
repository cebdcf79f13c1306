"""The one workflow: an interpreter of plans. The workflow type of a run is its flow's name.

It runs without the SDK's sandbox. The sandbox guards against an author's code in the workflow, and none is there:
authors' code runs in activities only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.common import RawValue, VersioningBehavior
from temporalio.exceptions import ApplicationError, FailureError

from resolute.plan.errors import NewerPlanError, UnknownFlowError, UnknownNodeError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.texts import text_of
from resolute.plan.values import Json
from resolute.running.boundary import flow_error
from resolute.running.recall import Memory, memory_in_failure
from resolute.running.result import recorded_of
from resolute.temporal.values.ciphers import UnreadablePayloadError
from resolute.temporal.wire.failures import with_memory
from resolute.temporal.wire.messages import ASK, TELL
from resolute.temporal.wire.start import MODE, open_envelope, read_plan, without_plan
from resolute.temporal.workflows.at_hand import is_pinned, keys_at_hand
from resolute.temporal.workflows.carried import argument_of, carried
from resolute.temporal.workflows.ending import end_of, outcome_of, tell_end
from resolute.temporal.workflows.handed import READS_FAILURES, handed_memory
from resolute.temporal.workflows.handing_over import handed_over
from resolute.temporal.workflows.hearing import Hearing
from resolute.temporal.workflows.interpreting import interpreted
from resolute.temporal.workflows.newer import may_be_taken_over

STATUS_QUERY: Final = "status"


@workflow.defn(dynamic=True)
class FlowWorkflow:
    """Runs any flow."""

    def __init__(self) -> None:
        self._hearing = Hearing()

    @workflow.dynamic_config
    def config(self) -> workflow.DynamicWorkflowConfig:
        """Where workers have builds (see `versions`), a run stays with the one that began it."""
        # Not in the definition: servers refuse every task of a worker without a build that says it.
        pinned = VersioningBehavior.PINNED if is_pinned() else VersioningBehavior.UNSPECIFIED
        return workflow.DynamicWorkflowConfig(versioning_behavior=pinned)

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> Json:
        """Runs the plan that the run carries, or the one that its first step records."""
        memory: Memory | None = None
        try:
            memory = handed_memory()
            envelope = open_envelope(argument_of(args))
            given = await carried(envelope, keys_at_hand())
            plan = read_plan(given.plan)
            if plan.is_dry:
                workflow.upsert_memo({MODE: plan.mode})
            if plan.one_per is not None and not plan.is_dry:
                argument = without_plan(given.input) if envelope.plan is None else argument_of(args)
                if (handed := await handed_over(plan.one_per, given.input, argument)) is not None:
                    return recorded_of(handed)
            if envelope.earlier.memory is not None:
                memory = memory_in_failure([envelope.earlier.memory])
            elif plan.interpreter < READS_FAILURES:
                memory = handed_memory(failed=False)
            result = await interpreted(plan, given, memory, envelope.earlier, self._hearing)
        except UnreadablePayloadError:
            raise  # fails the task and not the run, which goes on at a worker that has the key
        except (UnknownFlowError, UnknownNodeError):
            raise  # the same, for a worker that has the flow or the node
        except ApplicationError as error:
            tell_end("failed", error.message, self._hearing.interpreter)
            raise with_memory(error, memory) from None
        except FailureError:
            tell_end("cancelled", interpreter=self._hearing.interpreter)
            raise  # Temporal's own: the run is cancelled
        except Exception as error:
            if isinstance(error, NewerPlanError) and may_be_taken_over():
                raise  # fails the task and not the run, which goes on at a newer worker
            failed = flow_error(error)
            ended = end_of(failed, self._hearing.interpreter, memory)
            tell_end(outcome_of(failed), text_of(failed), self._hearing.interpreter)
            raise ended from None
        else:
            tell_end("completed", interpreter=self._hearing.interpreter)
            return result
        finally:
            for warning in self._hearing.interpreter.new_warnings if self._hearing.interpreter else ():
                workflow.logger.warning(warning)

    @workflow.update(name=ASK, description="Says something to the run, which answers: a decision, an event, an order.")
    async def ask(self, given: Any) -> Any:
        """Takes a message; see `resolute.temporal.wire.messages`."""
        return await self._hearing.ask(given)

    @ask.validator
    def check_asked(self, given: Any) -> None:
        """Refuses what could not be taken; nothing of it is recorded then."""
        self._hearing.check(given)

    @workflow.signal(name=TELL, description="Says something to the run, without an answer.")
    def tell(self, given: Any) -> None:
        """Takes a message; what is refused is a line in the log."""
        self._hearing.tell(given)

    @workflow.query(name=STATUS_QUERY, description="The run and each of its steps: status, times, outputs, failures.")
    def status(self) -> Json:
        """What `RunReport` holds, as JSON; without outputs where they are too large to be answered."""
        if self._hearing.interpreter is None:
            return {"flow": workflow.info().workflow_type, "steps": []}
        report = self._hearing.interpreter.state.report()
        told = cast("Json", report.model_dump(mode="json", exclude={"status", "result"}))
        if recorded_size(told) <= PAYLOAD_LIMIT:
            return told
        brief: Any = {"status": True, "result": True, "steps": {"__all__": {"output"}}}
        return cast("Json", report.model_dump(mode="json", exclude=brief))
