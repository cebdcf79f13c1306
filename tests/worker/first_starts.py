"""First starts of the embedded server that are killed, at a moment of one's choice."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from tests.patience import PATIENCE
from tests.worker.processes import environment

PROGRAM: Final = """
import asyncio, sys
from pathlib import Path
from resolute_worker.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1]), port=0):
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def kill_first_start(state: Path, delay: float) -> None:
    """Starts a server in a folder that is not there yet; kills it and its worker so many seconds after it began."""
    await kill_after(delay, sys.executable, "-c", PROGRAM, str(state), folder=Path.cwd())


async def kill_after(delay: float, *command: str, folder: Path, **variables: str) -> None:
    """Runs a command that starts a server; kills both so many seconds after the server began."""
    worker = await asyncio.create_subprocess_exec(
        *command, env=environment(variables), cwd=folder, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while not _servers_of(worker.pid):
                await asyncio.sleep(0.001)  # the state of another process announces nothing
        await asyncio.sleep(delay)
        worker.send_signal(signal.SIGSTOP)  # so that it does not mend the death of its server
        for server in _servers_of(worker.pid):
            os.kill(server, signal.SIGKILL)
    finally:
        worker.kill()
        await worker.wait()


def _servers_of(worker: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{worker}/task/{worker}/children").read_text().split()]


async def retention_of(client: Client) -> timedelta:
    """How long the server keeps closed runs."""
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    return answer.config.workflow_execution_retention_ttl.ToTimedelta()
