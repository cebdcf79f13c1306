"""Runs in flight survive a new version of the engine: what real servers recorded replays without a difference."""

import base64
import json
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from resolute.plan.plan import INTERPRETER
from resolute.temporal.history.reading import read_history
from resolute.temporal.history.replaying import replayed
from resolute.temporal.workflows.beats import HEARTBEAT, HeartbeatWorkflow
from resolute.temporal.workflows.keeper import LINE, LineWorkflow
from resolute.temporal.workflows.workflow import FlowWorkflow
from tests.replay import kinds
from tests.replay.flows import ENVIRONMENT, FLOWS

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


@pytest.fixture
def replayer() -> Replayer:
    """Replays with the engine as it is, and no author's code at all."""
    return Replayer(
        workflows=[FlowWorkflow, LineWorkflow, HeartbeatWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        debug_mode=True,  # else a task of 2 s would be taken for one that hangs
    )


def test_there_are_histories() -> None:
    """Every flow that is to be recorded was, with the newest interpreter: `python -m tests.replay.record`."""
    recorded = {re.sub(r"-\d+$", "", path.stem) for path in HISTORIES}
    missing = [
        name for name in (*(flow.name for flow in FLOWS), *kinds.FLOWS) if f"v{INTERPRETER}-{name}" not in recorded
    ]

    assert ["alone"] == missing  # whose runs are recorded by what becomes of them
    others = ("alone-handed-in", "line", "heartbeat", "heartbeat-long")
    assert {f"v{INTERPRETER}-{name}" for name in others} <= recorded


def _history(path: Path, changed: str | None = None) -> WorkflowHistory:
    """A history under its run's own workflow id, of which the ids of other runs are made."""
    text = changed or path.read_text()
    first = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(first.get("workflowId", path.stem), text)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_run_replays(replayer: Replayer, path: Path) -> None:
    """Every command of a recorded run comes again, in its order and with its id."""
    result = await replayer.replay_workflow(_history(path), raise_on_replay_failure=False)

    assert result.replay_failure is None


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_another_order_is_noticed(replayer: Replayer, path: Path) -> None:
    """A replay that could not fail would prove nothing: a step of another name is refused."""
    renamed = (
        path.read_text().replace('"activityId":"', '"activityId":"x-').replace('"activityId": "', '"activityId": "x-')
    )
    changed = renamed != path.read_text()
    result = await replayer.replay_workflow(_history(path, renamed), raise_on_replay_failure=False)

    assert changed is isinstance(result.replay_failure, NondeterminismError)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_no_secret_is_recorded(path: Path) -> None:
    """What the worker reads as a secret is in no event."""
    history = path.read_text()
    payloads = [base64.b64decode(data) for data in re.findall(r'"data":\s*"([A-Za-z0-9+/=]+)"', history)]

    assert payloads
    assert ENVIRONMENT["TOKEN"] not in history
    assert not [payload for payload in payloads if ENVIRONMENT["TOKEN"].encode() in payload]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_no_step_ends_before_it_begins(path: Path) -> None:
    """What is told of a recorded run tells no step whose end is before its beginning, whatever lane it was in."""
    history = _history(path)
    if history.events[0].workflow_execution_started_event_attributes.workflow_type.name in (LINE, HEARTBEAT):
        return
    report = await replayed(await read_history([list(history.events)], DataConverter.default))
    assert report is not None
    backwards = [
        (step.id, step.started_at, step.ended_at)
        for step in report.steps
        if step.started_at and step.ended_at and step.ended_at < step.started_at
    ]

    assert [] == backwards


def test_activity_ids_are_step_ids() -> None:
    """A history maps onto its plan without running anything."""
    history = json.loads(next(path for path in HISTORIES if path.stem.endswith("everything")).read_text())
    scheduled = [
        event["activityTaskScheduledEventAttributes"]["activityId"]
        for event in history["events"]
        if "activityTaskScheduledEventAttributes" in event
    ]

    assert ["measured", "told", "double", "tell_2", "four"] == scheduled
