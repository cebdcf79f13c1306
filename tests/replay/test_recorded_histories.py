"""Runs in flight survive a new version of the engine: what real servers recorded replays without a difference."""

import base64
import json
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from resolute.temporal.workflow import FlowWorkflow
from tests.replay.flows import ENVIRONMENT

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


@pytest.fixture
def replayer() -> Replayer:
    """Replays with the engine as it is, and no author's code at all."""
    return Replayer(workflows=[FlowWorkflow], workflow_runner=UnsandboxedWorkflowRunner())


def test_there_are_histories() -> None:
    """The promises below are made of something."""
    assert len(HISTORIES) >= 6


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_run_replays(replayer: Replayer, path: Path) -> None:
    """Every command of a recorded run comes again, in its order and with its id."""
    result = await replayer.replay_workflow(
        WorkflowHistory.from_json(path.stem, path.read_text()), raise_on_replay_failure=False
    )

    assert result.replay_failure is None


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_another_order_is_noticed(replayer: Replayer, path: Path) -> None:
    """A replay that could not fail would prove nothing: a step of another name is refused."""
    renamed = (
        path.read_text().replace('"activityId":"', '"activityId":"x-').replace('"activityId": "', '"activityId": "x-')
    )
    changed = renamed != path.read_text()
    result = await replayer.replay_workflow(
        WorkflowHistory.from_json(path.stem, renamed), raise_on_replay_failure=False
    )

    assert changed is isinstance(result.replay_failure, NondeterminismError)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_no_secret_is_recorded(path: Path) -> None:
    """What the worker reads as a secret is in no event."""
    history = path.read_text()
    payloads = [base64.b64decode(data) for data in re.findall(r'"data":\s*"([A-Za-z0-9+/=]+)"', history)]

    assert payloads
    assert ENVIRONMENT["TOKEN"] not in history
    assert not [payload for payload in payloads if ENVIRONMENT["TOKEN"].encode() in payload]


def test_activity_ids_are_step_ids() -> None:
    """A history maps onto its plan without running anything."""
    history = json.loads(next(path for path in HISTORIES if path.stem.endswith("everything")).read_text())
    scheduled = [
        event["activityTaskScheduledEventAttributes"]["activityId"]
        for event in history["events"]
        if "activityTaskScheduledEventAttributes" in event
    ]

    assert ["measured", "told", "double", "tell_2", "four"] == scheduled
