"""How a worker ends: asked by a signal, within its grace, whatever its nodes do and whoever reads its log."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from temporalio.client import Client

from resolute.temporal.client.client import RunHandle
from resolute_worker.embedded.ports import free_port
from tests.patience import PATIENCE
from tests.worker.processes import RESOLUTE, Process, environment, resolute, started

FLOWS: Final = """
import asyncio, threading, time
from datetime import timedelta
from pathlib import Path
from pydantic import BaseModel
from resolute import flow, input_data, manual, node

class Gate(BaseModel):
    gate: str = ""

@node(timeout=timedelta(minutes=10))
def thread(gate: str) -> None:
    print("at work", flush=True)
    threading.Event().wait()

@node(timeout=timedelta(minutes=10))
async def task(gate: str) -> None:
    print("at work", flush=True)
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

@node(timeout=timedelta(minutes=10))
async def loop(gate: str) -> None:
    print("at work", flush=True)
    time.sleep(3600)

@node(timeout=timedelta(minutes=10))
async def patient(gate: str) -> str:
    print("at work", flush=True)
    while not Path(gate).exists():
        await asyncio.sleep(0.05)
    return "done"

@node
def chatter(gate: str) -> str:
    for _ in range(100):
        print("words, words, words")
    return "done"

def made(name, step):
    return flow(name).triggered_by(manual("go", input=Gate)).then(step(input_data("gate")).as_("stuck")).build()

flows = [made(step.definition.name.rpartition(".")[2], step) for step in (thread, task, loop, patient, chatter)]
thread_flow, task_flow, loop_flow, patient_flow, chatter_flow = flows
"""

GRACE: Final = 1
SLOW: Final = 30.0
"""Seconds that a busy machine may add; a node of these would take ten minutes or more."""

VARIABLES: Final = {
    "RESOLUTE_HTTP_PORT": "0",
    "RESOLUTE_EMBEDDED_PORT": "0",
    "RESOLUTE_SHUTDOWN_SECONDS": str(GRACE),
    "RESOLUTE_LOG_FORMAT": "json",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the flows, to run a worker in."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "endings.py").write_text(FLOWS)
    return tmp_path


async def start_run(folder: Path, flow: str, address: str) -> str:
    """Starts a run by the command line; gives its workflow id."""
    given = json.dumps({"gate": str(folder / "gate")})
    code, printed, said = await resolute(
        *("run", flow, "--input", given, "--no-wait", "--json"), folder=folder, TEMPORAL_ADDRESS=address, **VARIABLES
    )
    assert 0 == code, said
    return json.loads(printed)["run"]


async def result_of(address: str, run: str) -> object:
    """What a run came to."""
    client = await Client.connect(address)
    async with asyncio.timeout(PATIENCE):
        return await RunHandle(client.get_workflow_handle(run), "").result()


@asynccontextmanager
async def at_work(folder: Path, flow: str, **variables: str) -> AsyncGenerator[tuple[Process, str]]:
    """A worker with a run of a flow, whose node is at work."""
    async with started("worker", "--embedded", folder=folder, **{**VARIABLES, **variables}) as worker:
        run = await start_run(folder, flow, await worker.temporal())
        await worker.line("at work")
        yield worker, run


@pytest.mark.parametrize("flow", ["thread", "task", "loop"])
async def test_a_node_that_does_not_end_keeps_no_worker(folder: Path, flow: str) -> None:
    """A thread that hangs, a task that ignores cancellation, a node that blocks the loop: the grace is the limit."""
    async with at_work(folder, flow) as (worker, run):
        (server,) = worker.children()
        began = monotonic()
        code = await worker.stopped()
        took = monotonic() - began

    assert 1 == code
    assert GRACE <= took < GRACE + SLOW
    named = [line for line in worker.lines if "abandoned" in line]
    assert [f"step stuck of run {run} (flow {flow}, attempt 1)"] == [
        json.loads(line)["message"].partition("timeout expires: ")[2] for line in named
    ]
    assert "Traceback" not in worker.output
    await gone(server)


async def gone(pid: int) -> None:
    """Waits until a process that is not ours has ended."""
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.05)  # the end of another process announces nothing


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
async def test_a_second_signal_ends_it_at_once(folder: Path, number: signal.Signals, code: int) -> None:
    """Who asks twice does not want to wait."""
    async with at_work(folder, "thread", RESOLUTE_SHUTDOWN_SECONDS="600") as (worker, _):
        (server,) = worker.children()
        worker.process.send_signal(number)
        await worker.line("worker is stopping")

        assert code == await worker.stopped(number)
        await gone(server)


async def test_a_hangup_drains(folder: Path) -> None:
    """SIGHUP, as of a terminal that closes: nothing new is begun, the node at work ends, the worker leaves with 0."""
    async with at_work(folder, "patient", RESOLUTE_SHUTDOWN_SECONDS="60") as (worker, run):
        url = await worker.url()
        worker.process.send_signal(signal.SIGHUP)
        await worker.line("worker is stopping")
        ready = await ready_at(url)
        (folder / "gate").touch()
        code = await worker.ended()
    async with started("worker", "--embedded", folder=folder, **VARIABLES) as second:
        result = await result_of(await second.temporal(), run)

    assert (0, 503, {"stuck": "done"}) == (code, ready, result)
    assert "at work" not in second.output


async def ready_at(url: str) -> int:
    """What a worker answers to whoever asks whether it takes work."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


async def test_a_log_that_nobody_reads_any_more_stops_nothing(folder: Path) -> None:
    """As in `resolute worker 2>&1 | head -1`: runs go on, nodes may print, and it ends well."""
    port = free_port()
    reader, writer = os.pipe()
    worker = await asyncio.create_subprocess_exec(
        *(RESOLUTE, "worker", "--embedded"),
        cwd=folder,
        env=environment({**VARIABLES, "RESOLUTE_EMBEDDED_PORT": str(port)}),
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    await asyncio.to_thread(os.read, reader, 1)
    os.close(reader)

    assert (0, {"stuck": "done"}) == await worked(worker, folder, port)


async def test_a_worker_that_was_given_no_log_works(folder: Path) -> None:
    """As in `resolute worker >&- 2>&-`: nothing that it opens is taken for a stream to print to."""
    port = free_port()
    worker = await asyncio.create_subprocess_exec(
        *("sh", "-c", f"exec {RESOLUTE} worker --embedded <&- >&- 2>&-"),
        cwd=folder,
        env=environment({**VARIABLES, "RESOLUTE_EMBEDDED_PORT": str(port)}),
    )

    assert (0, {"stuck": "done"}) == await worked(worker, folder, port)


async def worked(worker: asyncio.subprocess.Process, folder: Path, port: int) -> tuple[int, object]:
    """Has a worker run a node that prints, and ends it: its exit code, and the run's result."""
    address = f"127.0.0.1:{port}"
    try:
        await serving(address)
        result = await result_of(address, await start_run(folder, "chatter", address))
        worker.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            return await worker.wait(), result
    finally:
        if worker.returncode is None:
            worker.kill()


async def serving(address: str) -> None:
    """Waits until Temporal answers somewhere."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await Client.connect(address)
            except RuntimeError:
                await asyncio.sleep(0.05)  # nobody announces it: the log is closed
            else:
                return
