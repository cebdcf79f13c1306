"""Closed runs are deleted while the server runs. Temporal takes half a minute to delete what was closed just now."""

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from resolute.temporal.client.client import start_run
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.embedded.cleaning import DatabaseSize, count_closed, delete_closed, kept_below
from tests.worker.processes import resolute
from tests.worker.test_cleaning import BULK, QUEUE, closed, echoing, many, soon

pytestmark = pytest.mark.soak


async def test_a_server_that_runs_loses_runs_of_the_task_queue_only(tmp_path: Path) -> None:
    """What still runs stays, and so does what is on other task queues."""
    state = tmp_path / ".resolute"
    async with EmbeddedServer(state, port=0) as server:
        client = await Client.connect(server.address)
        await many(client, 3)
        waiting = await start_run(client, echoing().plan, task_queue=QUEUE, input_data={"text": ""})
        await closed(client, 3)
        place = {"TEMPORAL_ADDRESS": server.address}
        other = await resolute(
            "clean", "--older-than", "0s", "--yes", "--json", folder=tmp_path, **place, RESOLUTE_TASK_QUEUE="other"
        )
        mine = await resolute(
            "clean", "--older-than", "0s", "--yes", "--json", folder=tmp_path, **place, RESOLUTE_TASK_QUEUE=QUEUE
        )
        left = await client.get_workflow_handle(waiting.workflow_id).describe()

    assert [0, 3] == [json.loads(each[1])["runs"] for each in (other, mine)]
    assert WorkflowExecutionStatus.RUNNING == left.status


async def test_the_oldest_runs_go_when_the_database_is_too_large(tmp_path: Path) -> None:
    """The newest stay; nothing is deleted while the database is small enough."""
    async with EmbeddedServer(tmp_path / "state", port=0) as server:
        client = await Client.connect(server.address)
        await many(client, 20)
        await closed(client, 20)
        newest = [run async for run in client.list_workflows("ExecutionStatus = 'Completed'", limit=1)]
        async with kept_below(client, server.database, 1000, every=0.05):
            await asyncio.sleep(0.3)  # some turns in which nothing may happen
        untouched = await count_closed(client, soon())
        async with kept_below(client, server.database, 1, every=0.05), asyncio.timeout(60):
            while await count_closed(client, soon()) == untouched:
                await asyncio.sleep(0.05)
        left = {run.id async for run in client.list_workflows("ExecutionStatus = 'Completed'")}

    assert 20 == untouched
    assert len(left) < untouched
    assert newest[0].id in left


async def test_the_size_of_a_database_is_told_while_it_is_used(tmp_path: Path) -> None:
    """Files and what is in use of them; deleted runs free what they used."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        await many(client, 20)
        await closed(client, 20)
        before = DatabaseSize.of(server.database)
        assert 20 == await delete_closed(client, soon())
        async with asyncio.timeout(30):
            while (after := DatabaseSize.of(server.database)).used > before.used - 20 * len(BULK):
                await asyncio.sleep(0.1)

    assert before.files >= before.used > after.used > 0
