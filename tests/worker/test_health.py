"""Ready means: a run that is started now would be taken."""

import asyncio
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from resolute_worker.embedded import EmbeddedServer
from resolute_worker.serving.health import Health, Phase
from tests.patience import PATIENCE


def health_of(client: Client, phase: Phase = "running") -> Health:
    health = Health()
    health.client, health.phase = client, phase
    return health


@contextmanager
def without_writes(state: Path) -> Generator[None]:
    """A server whose database can be read and not written, as on a disk that is full or read-only."""
    database = sqlite3.connect(state / "temporal.db", isolation_level=None, timeout=PATIENCE)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
    finally:
        database.close()


async def test_a_server_that_takes_no_writes_makes_its_worker_not_ready(tmp_path: Path) -> None:
    """A disk that is full or read-only answers every question and takes no run; ready says so, and when it is over."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)

        async def says(wanted: str | None) -> None:
            """Asks until that is the answer: a busy machine may need longer for it than somebody waits who asks."""
            async with asyncio.timeout(PATIENCE):
                answer: str | None = "not asked"
                while answer != wanted:
                    health = health_of(client)
                    health.write = partial(server.write, client)
                    answer = await health.ready()

        await says(None)
        with without_writes(tmp_path):
            await says("the embedded Temporal server accepts no writes: check whether its disk is full or read-only")
        await says(None)


async def test_a_namespace_that_is_gone_makes_a_worker_not_ready(server: EmbeddedServer) -> None:
    """Temporal answers, but takes no run for a namespace that somebody has deleted."""
    name = f"gone-{uuid4().hex[:8]}"
    day = Duration()
    day.FromTimedelta(timedelta(days=1))
    client = await Client.connect(server.address, namespace=name)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=day)
    )
    before = await health_of(client).ready()
    await client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=name))

    assert (None, f"Temporal has no namespace {name!r}") == (before, await health_of(client).ready())


@pytest.mark.parametrize("phase", ["starting", "stopping"])
async def test_a_worker_that_does_not_poll_is_not_ready(client: Client, phase: Phase) -> None:
    """Before it polls, and from the moment at which it is asked to stop."""
    assert phase == await health_of(client, phase).ready()


async def test_many_who_ask_ask_temporal_once(tmp_path: Path) -> None:
    """An answer counts for a second, so that nobody can load the server with questions about it."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        health = health_of(client)
        writes: list[None] = []

        async def write() -> None:
            writes.append(None)

        health.write = write
        answers = [await health.ready() for _ in range(100)]

    assert {None} == set(answers)
    assert len(writes) < 100
