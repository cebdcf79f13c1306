"""A run that a step of another run starts: its id, and what it is started with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

from resolute.plan.policies import ParentClose
from resolute.plan.values import Json, digest
from resolute.running.messages import Message
from resolute.running.runtime import ChildRequest
from resolute.temporal.wire.messages import TELL
from resolute.temporal.wire.start import FLOWS_ABOVE, PERSON, STARTED_BY, STARTED_BY_STEP

_LONGEST_ID: Final = 500
"""Bytes of a workflow id that is still made of names; Temporal takes 1,000."""

_BEGINNING: Final = 100
"""Characters of the parent's id that stand before a digest, for people: 400 bytes at most."""

_PARENT_CLOSE: Final[Mapping[ParentClose, ParentClosePolicy]] = {
    "cancel": ParentClosePolicy.REQUEST_CANCEL,
    "abandon": ParentClosePolicy.ABANDON,
    "terminate": ParentClosePolicy.TERMINATE,
}


class StartedRun:
    """A run that a step has started, and what it is told. Before it has begun, the latest is kept for it.

    `letter` seals a message to it.
    """

    def __init__(self, letter: Callable[[Message], Json]) -> None:
        self._letter = letter
        self._handle: workflow.ChildWorkflowHandle[Any, Any] | None = None
        self._kept: Message | None = None
        self._telling: list[asyncio.Future[None]] = []

    def began(self, handle: workflow.ChildWorkflowHandle[Any, Any]) -> None:
        """The run has begun."""
        self._handle = handle
        if self._kept is not None:
            self.tell(self._kept)

    def tell(self, message: Message) -> None:
        """Signals the run, without waiting for it."""
        if self._handle is None:
            self._kept = message
            return
        self._telling = [each for each in self._telling if not each.done()]
        self._telling.append(asyncio.ensure_future(self._signal(self._handle, message)))

    async def _signal(self, handle: workflow.ChildWorkflowHandle[Any, Any], message: Message) -> None:
        try:
            await handle.signal(TELL, self._letter(message))
        except FailureError:
            workflow.logger.info("run %s has ended before it was told", handle.id)


async def child_run(request: ChildRequest, argument: Json) -> workflow.ChildWorkflowHandle[Any, Any]:
    """Starts the run of a step's flow, whose memo names the step."""
    waits = request.parent_close == "cancel"
    return await workflow.start_child_workflow(
        request.plan.name,
        argument,
        id=child_id(workflow.info().workflow_id, request.step),
        parent_close_policy=_PARENT_CLOSE[request.parent_close],
        cancellation_type=(
            ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED
            if waits
            else ChildWorkflowCancellationType.ABANDON
        ),
        memo=_memo_of_child(request.step),
        static_summary=request.step,
    )


def _memo_of_child(step: str) -> dict[str, Any]:
    """What started the run: this one, at a step; and the person behind this one, who decides no gate of either."""
    person = str(workflow.memo_value(PERSON, ""))
    behind = {PERSON: person} if person else {}
    info = workflow.info()
    above = [*workflow.memo_value(FLOWS_ABOVE, []), info.workflow_type]
    return {STARTED_BY_STEP: step, STARTED_BY: info.workflow_id, FLOWS_ABOVE: above, **behind}


def child_id(workflow_id: str, step: str) -> str:
    """The workflow id of the run that a step starts: that of its own run and the step, or a digest of long ones.

    >>> child_id("rollout/8c1f", "drains[3].drain")
    'rollout/8c1f/drains[3].drain'
    """
    name = f"{workflow_id}/{step}"
    return name if len(name.encode()) <= _LONGEST_ID else f"{workflow_id[:_BEGINNING]}/{digest(name)}"
