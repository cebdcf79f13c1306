"""The embedded Temporal server: on loopback, durable, one per folder."""

import asyncio
import os
import signal
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecutionStatus

from resolute.plan.errors import ConfigurationError
from resolute_worker.embedded import EmbeddedServer, EmbeddedServerError


async def test_closed_runs_are_kept_longer_than_webhooks_come_again(client: Client) -> None:
    """PagerDuty delivers again for 48 hours; the ids that stop a second run are kept for at least 72."""
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))

    assert answer.config.workflow_execution_retention_ttl.ToTimedelta() >= timedelta(hours=72)


async def test_what_was_accepted_survives_a_kill(tmp_path: Path) -> None:
    """A run that was started is still there after kill -9 of the server, for the next one on the same folder."""
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        await client.start_workflow("waits", id="survivor", task_queue="nobody")
        os.kill(server.pid or 0, signal.SIGKILL)
        async with asyncio.timeout(10):
            error = await server.died()
    async with EmbeddedServer(tmp_path, port=0) as server:
        client = await Client.connect(server.address)
        description = await client.get_workflow_handle("survivor").describe()

    assert isinstance(error, EmbeddedServerError)
    assert "exit code -9" in str(error)
    assert WorkflowExecutionStatus.RUNNING == description.status


async def test_a_folder_has_one_server(server: EmbeddedServer) -> None:
    """Two servers on one database would damage it: the second is refused, and told what to do."""
    with pytest.raises(ConfigurationError, match="RESOLUTE_STATE_DIR"):
        async with EmbeddedServer(server.log_file.parent, port=0):
            pass


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """The message names the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} is taken.*RESOLUTE_EMBEDDED_PORT"):
            async with EmbeddedServer(tmp_path, port=port):
                pass


async def test_nobody_else_can_reach_it(server: EmbeddedServer) -> None:
    """Every socket that the server listens on is on loopback."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir()}
    listening = [
        fields[1]
        for table in ("tcp", "tcp6")
        for fields in (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes
    ]

    assert listening
    assert {"0100007F"} == {address.partition(":")[0] for address in listening}
