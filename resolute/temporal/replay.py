"""Recorded histories, replayed by the workflow of this release: would it give the same commands again?

A flow's own code is in none of them: a run carries its plan, and what its nodes returned is recorded. So a replay holds
the engine against what it did before, which is worth knowing before a worker gets a newer release.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from resolute.plan.errors import ConfigurationError
from resolute.plan.texts import shortened
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.values.converting import PLAIN
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.parts import histories
from resolute.temporal.worker import AtHand
from resolute.temporal.workflows.beats import HeartbeatWorkflow
from resolute.temporal.workflows.keeper import LineWorkflow
from resolute.temporal.workflows.shared import SharedWorkflow
from resolute.temporal.workflows.workflow import FlowWorkflow

_LONGEST: Final = 400
_ALL_PARTS: Final = 10_000


class UnreadableHistoryError(ConfigurationError):
    """A file holds no history of a run."""


@dataclass(frozen=True, kw_only=True)
class ReplayedHistory:
    """One history that was replayed. `problem` says where it took another way; empty where it did not."""

    workflow_id: str
    run_id: str
    flow: str
    events: int
    problem: str = ""


async def replay(
    recorded: AsyncIterator[WorkflowHistory],
    converter: DataConverter | None = None,
    *,
    full: Callable[[int], bool] | None = None,
) -> AsyncIterator[ReplayedHistory]:
    """Replays histories one after the other; what was recorded is all that it needs, and nothing is called.

    `full` is what the worker of the runs was given (see `temporal_worker`). No keys are needed: what was believed when
    it was recorded is believed.
    """
    replayer = Replayer(
        workflows=[FlowWorkflow, LineWorkflow, SharedWorkflow, HeartbeatWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        interceptors=[AtHand(NO_KEYS, full)],
        data_converter=converter or PLAIN,
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),  # what it would log is what is told here
        debug_mode=True,  # else a task of 2 s would be taken for one that hangs, and a busy machine takes longer
    )
    async with replayer.workflow_replay_iterator(recorded) as results:
        async for result in results:
            history, failure = result.history, result.replay_failure
            yield ReplayedHistory(
                workflow_id=history.workflow_id,
                run_id=history.run_id,
                flow=flow_of(history),
                events=len(history.events),
                problem="" if failure is None else _spoken(failure),
            )


async def recorded_of(client: Client, key: RunKey) -> list[WorkflowHistory]:
    """The histories of a run, oldest first: one, or as many as it was continued in.

    Raises:
        temporalio.service.RPCError: Temporal knows no such run, refused, or did not answer.
    """
    parts = await histories(client, key.workflow_id, key.run_id, most=_ALL_PARTS)
    return [WorkflowHistory(key.workflow_id, events) for events in parts]


def history_in(file: Path) -> WorkflowHistory:
    """The history in a file, as Temporal's CLI (`temporal workflow show --output json`) and its UI write it.

    Raises:
        UnreadableHistoryError: the file cannot be read, or holds no history.
    """
    try:
        history = WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableHistoryError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableHistoryError(f"{file} holds no history of a run: {shortened(str(error), 200)}") from None
    events = history.events
    if not events or not events[0].HasField("workflow_execution_started_event_attributes"):
        raise UnreadableHistoryError(
            f"{file} holds no history of a run: its first event is not the start of a workflow; export it with "
            "`temporal workflow show --output json`, or with `resolute replay --save`"
        )
    return history


def flow_of(history: WorkflowHistory) -> str:
    """The flow of a run, by its history."""
    return history.events[0].workflow_execution_started_event_attributes.workflow_type.name


def _spoken(failure: Exception) -> str:
    said = str(failure)
    inner = re.search(r'message: "((?:[^"\\]|\\.)*)"', said)  # the text inside of Rust's rendering
    return shortened(f"{type(failure).__name__}: {inner[1] if inner else said}", _LONGEST)
