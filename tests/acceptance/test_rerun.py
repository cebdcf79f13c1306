"""A run that failed after it wrote to PagerDuty is taken up again: what it wrote is there once."""

from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute import flow, manual, node
from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import NodeFailedError, TerminalError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.client.rerun import prepare_rerun, start_rerun
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.worker import queue_worker, temporal_worker
from resolute_pagerduty import PagerDuty, add_note, create_incident
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.keys import KEYS
from tests.providers.pagerduty.harness import config_for

SLACK_IS_DOWN: list[bool] = [True]


@node
async def announce(incident: str) -> str:
    """Tells the team, unless the chat is down."""
    if SLACK_IS_DOWN[0]:
        raise TerminalError("the chat is down")
    return f"told of {incident}"


async def test_an_incident_and_its_note_are_there_once(temporal_client: Client) -> None:
    """Rerun of a run that failed after a trigger and a note: the incident and the note are there once."""
    opened = create_incident(title="The database is slow", service_id=WORLD.service).as_("page")
    failover = (
        flow("failover")
        .triggered_by(manual("failover"))
        .then(opened)
        .then(add_note(incident_id=opened.output.incident.id, content="Looked at it").as_("note"))
        .then(announce(opened.output.incident.id).as_("announce"))
        .build()
    )
    task_queue = uuid4().hex
    SLACK_IS_DOWN[0] = True
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(Simulator.serve(limits=Limits.none()))
        provider = await stack.enter_async_context(PagerDuty(config_for(sim, settle_seconds=0.1)))
        activities = Activities([failover], NodeExecutor.for_flows([failover], [provider]), KEYS)
        await stack.enter_async_context(temporal_worker(temporal_client, activities, task_queue=task_queue))
        for queue, rate in provider.queues().items():
            worker = queue_worker(temporal_client, activities, task_queue=task_queue, queue=queue, per_second=rate)
            await stack.enter_async_context(worker)
        failed = await start_run(temporal_client, failover.plan, task_queue=task_queue, keys=KEYS)
        with pytest.raises(NodeFailedError, match="the chat is down"):
            await failed.result()
        SLACK_IS_DOWN[0] = False
        again = await prepare_rerun(temporal_client, RunKey(failed.workflow_id, failed.run_id or ""))
        run = await start_rerun(temporal_client, again, keys=KEYS, input_data=again.input)
        result = await run.result()
        incidents = sim.incidents()
        notes = [note for incident in incidents for note in incident.notes]

    assert ("announce", ("note", "page")) == (again.step, tuple(sorted(again.kept)))
    assert ["The database is slow"] == [incident.title for incident in incidents]
    assert ["Looked at it"] == [note.content.partition("\n")[0] for note in notes]
    assert isinstance(result, dict)
    assert f"told of {incidents[0].id}" == result["announce"]
