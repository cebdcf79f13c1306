"""The embedded server writes only those indexes of its list of runs that are used, and finds the same runs."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from resolute_worker.embedded import EmbeddedServer
from resolute_worker.embedded.indexes import KEPT
from resolute_worker.embedded.lightening import lighten
from tests.patience import PATIENCE

ADDED = "CREATE INDEX by_history_length ON executions_visibility (namespace_id, history_length)"


def indexes(database: Path) -> set[str]:
    """The names of the indexes over the list of runs."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        found = opened.execute(
            "SELECT name FROM sqlite_master WHERE tbl_name = 'executions_visibility' AND type = 'index' "
            "AND sql IS NOT NULL"
        )
        return {name for (name,) in found}


async def found(client: Client, query: str, run: str) -> list[str]:
    """The runs that a query finds, once Temporal's list, which lags behind, has this one."""
    async with asyncio.timeout(PATIENCE):
        while run not in (runs := [each.id async for each in client.list_workflows(query)]):
            await asyncio.sleep(0.05)
    return runs


async def test_only_used_indexes_are_written(tmp_path: Path) -> None:
    """After the first start the list of runs has the indexes that are looked up, and no other."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        assert KEPT == indexes(server.database)


@pytest.mark.parametrize(
    "query",
    [
        "WorkflowType = 'waits' AND ExecutionStatus = 'Running'",
        "RootWorkflowId = 'listed'",
        "TaskQueue = 'nobody' AND ParentWorkflowId IS NULL",
        "TemporalScheduledById IS NULL AND BatcherUser IS NULL",
    ],
)
async def test_runs_are_found_without_an_index(client: Client, query: str) -> None:
    """A search by an attribute that has no index finds the run, as one by an attribute that has."""
    await client.start_workflow(
        "waits", id="listed", task_queue="nobody", id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
    )

    assert "listed" in await found(client, query, "listed")


async def test_an_older_database_is_made_lighter_at_the_next_start(tmp_path: Path) -> None:
    """Of a database with all indexes the server drops those that are not used; its runs stay."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        await (await Client.connect(server.address)).start_workflow("waits", id="older", task_queue="nobody")
    with contextlib.closing(sqlite3.connect(server.database)) as opened:
        opened.execute(ADDED)
    before = indexes(server.database)
    async with EmbeddedServer(tmp_path, port=0) as server:
        runs = await found(await Client.connect(server.address), "WorkflowType = 'waits'", "older")
        after = indexes(server.database)

    assert {*KEPT, "by_history_length"} == before
    assert KEPT == after
    assert ["older"] == runs


def test_a_database_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """Whatever is wrong with it is the server's to say."""
    database = tmp_path / "temporal.db"
    database.write_bytes(b"not a database" * 1000)

    lighten(database)

    assert b"not a database" * 1000 == database.read_bytes()
