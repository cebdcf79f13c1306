"""A worker dies behind any event of a run: the next one goes on from there as the first one did."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowReplayResult

from resolute.plan.plan import INTERPRETER
from resolute.temporal.worker import AtHand
from resolute.temporal.workflows.beats import HeartbeatWorkflow
from resolute.temporal.workflows.keeper import LineWorkflow
from resolute.temporal.workflows.shared import SharedWorkflow
from resolute.temporal.workflows.workflow import FlowWorkflow
from tests.keys import KEYS
from tests.replay.prefixes import Named, Watched, as_far_as, boundaries, crashes

HISTORIES: Final = sorted((Path(__file__).parent / "histories").glob("*.json"))
NEWEST: Final = [path for path in HISTORIES if path.stem.startswith(f"v{INTERPRETER}-")]
"""What an older interpreter has begun is sealed as it was then: the next worker takes it up where it has been read."""


@pytest.mark.parametrize("path", NEWEST, ids=lambda path: path.stem)
async def test_the_next_worker_gives_the_same_answer(path: Path) -> None:
    """Up to each task of a recorded run, its replay ends in the commands that followed: all, in their order."""
    watched, cut = Watched(), list(boundaries(history_of(path)))
    results = await _replayed(watched, [history for history, _ in cut])
    given = [activations[-1] for activations in watched.commands]

    assert [] == [result.replay_failure for result in results if result.replay_failure]
    assert [as_far_as(followed, last) for (_, followed), last in zip(cut, given, strict=True)] == given


def test_an_answer_is_told_from_another() -> None:
    """Commands are compared by what they are and by their ids: there are hundreds, of every kind that a flow gives."""
    followed: list[Named] = [
        named for path in NEWEST for _, commands in boundaries(history_of(path)) for named in commands
    ]

    assert {"activity", "local activity", "timer", "child", "end"} == {kind for kind, _ in followed}
    assert len(followed) > 100


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_worker_may_die_behind_every_event(path: Path) -> None:
    """Up to each event, and with the task behind it that the next worker gets, a recorded run replays."""
    results = await _replayed(Watched(), list(crashes(history_of(path))))

    assert results
    assert [] == [result.replay_failure for result in results if result.replay_failure]


def history_of(path: Path) -> WorkflowHistory:
    """A recorded history."""
    text = path.read_text()
    first = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(first.get("workflowId", path.stem), text)


async def _replayed(watched: Watched, histories: Iterable[WorkflowHistory]) -> list[WorkflowReplayResult]:
    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    replayer = Replayer(
        workflows=[FlowWorkflow, LineWorkflow, SharedWorkflow, HeartbeatWorkflow],
        workflow_runner=watched,
        interceptors=[AtHand(KEYS, None)],
        debug_mode=True,  # else a task of 2 s would be taken for one that hangs
    )
    async with replayer.workflow_replay_iterator(each()) as results:
        return [result async for result in results]
