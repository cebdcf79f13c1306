"""`Worker(...)` as programs use it."""

import asyncio
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client

import resolute_pagerduty as pagerduty
from resolute import Flow, Node, TerminalError, flow, manual, node
from resolute.plan.errors import ConfigurationError
from resolute.temporal.client.client import start_run
from resolute_worker import Settings, Worker, process
from resolute_worker.deploying import Load
from resolute_worker.embedded import EmbeddedServer
from resolute_worker.life import WorkLeftError
from tests.keys import KEY, KEYS
from tests.patience import PATIENCE
from tests.worker.processes import environment

PROGRAM = """
from resolute import flow, manual, node
from resolute_worker import Worker
import resolute_pagerduty as pagerduty

@node
async def greet(name: str) -> str:
    return f"hello {name}"

greeting = flow("greeting").triggered_by(manual("greet")).then(greet("you").as_("words")).build()

if __name__ == "__main__":
    Worker(task_queue="alerting", flows=[greeting], providers=[pagerduty.PagerDuty.from_env()]).run()
    print("ended well")
"""


@node
def say(word: str) -> str:
    return word


CROWD = 24
MEETING = threading.Barrier(CROWD, timeout=PATIENCE)


@node
def meet() -> None:
    try:
        MEETING.wait()
    except threading.BrokenBarrierError as error:
        raise TerminalError("not all came at the same time") from error


@node
def whisper(word: str) -> str:
    return word.lower()


def speech(step: Node[str], name: str = "speech") -> Flow:
    return flow(name).triggered_by(manual("speak")).then(step.as_("said")).build()


async def test_a_program_runs_until_it_is_told_to_stop(tmp_path: Path, server: EmbeddedServer) -> None:
    """SIGTERM ends `run()`, and the program goes on behind it to its own end."""
    (tmp_path / "program.py").write_text(PROGRAM)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "program.py"),
        cwd=tmp_path,
        env=environment(
            {
                "TEMPORAL_ADDRESS": server.address,
                "RESOLUTE_HTTP_PORT": "0",
                "RESOLUTE_LOG_FORMAT": "json",
                "RESOLUTE_PLAN_KEYS": KEY,
            }
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        said = b""
        while b"worker runs" not in said:  # it may first say what it found on the server
            said += await process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        printed, _ = await process.communicate()

    assert b"worker runs 1 flow(s) on task queue alerting" in said
    assert (0, b"ended well\n") == (process.returncode, printed)


async def test_a_program_that_is_not_set_up_says_so_in_one_line(tmp_path: Path) -> None:
    """No traceback where the environment is wrong: one line, and code 2."""
    (tmp_path / "program.py").write_text(PROGRAM)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "program.py"),
        cwd=tmp_path,
        env=environment({"TEMPORAL_ADDRESS": "127.0.0.1:1", "RESOLUTE_HTTP_PORT": "0"}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()

    assert (2, 1) == (process.returncode, len(said.splitlines()))
    assert said.startswith(b"resolute: no Temporal server answers at 127.0.0.1:1")


async def test_a_worker_runs_inside_a_loop(client: Client) -> None:
    """`serve` is `run` for programs with a loop of their own; an event ends it."""
    stop, ready = asyncio.Event(), asyncio.Event()
    spoken = speech(say("Hello"))
    worker = Worker(task_queue=uuid4().hex, flows=[spoken], settings=Settings(http_port=0))
    serving = asyncio.create_task(worker.serve(client=client, stop=stop, ready=lambda _: ready.set()))
    await ready.wait()
    run = await start_run(client, spoken.plan, task_queue=worker.settings.task_queue)
    result = await run.result()
    stop.set()
    await serving

    assert {"said": "Hello"} == result


async def test_nodes_that_no_flow_has_any_more_are_still_there(client: Client) -> None:
    """A run in flight finds the node of a step that was taken out of its flow since."""
    stop, ready = asyncio.Event(), asyncio.Event()
    before, now = speech(whisper("HELLO")), speech(say("Hello"))
    worker = Worker(task_queue=uuid4().hex, flows=[now], settings=Settings(http_port=0, plan_keys=KEYS.keys))
    serving = asyncio.create_task(worker.serve(client=client, stop=stop, ready=lambda _: ready.set()))
    await ready.wait()
    run = await start_run(client, before.plan, task_queue=worker.settings.task_queue, keys=KEYS)
    result = await run.result()
    stop.set()
    await serving

    assert {"said": "hello"} == result


def test_two_flows_of_one_name_are_refused() -> None:
    """A name is a workflow type: it can mean one flow."""
    with pytest.raises(ConfigurationError, match="two flows are called speech"):
        Worker(flows=[speech(say("a")), speech(say("b"))])


def test_a_missing_provider_is_refused() -> None:
    """What no run could find is said before any run needs it."""
    looking = flow("looking").triggered_by(manual("look")).then(pagerduty.get_incident(id="P1").as_("found")).build()
    with pytest.raises(ConfigurationError, match=r"'looking': node pagerduty\.GetIncident needs provider 'pagerduty'"):
        Worker(flows=[looking])


async def test_plain_functions_run_beside_each_other(client: Client) -> None:
    """As many plain nodes run at the same time as the settings allow, however few cores there are."""
    stop, ready = asyncio.Event(), asyncio.Event()
    meeting = flow("meeting").triggered_by(manual("meet")).then_parallel(*(meet() for _ in range(CROWD))).build()
    worker = Worker(task_queue=uuid4().hex, flows=[meeting], settings=Settings(http_port=0))
    serving = asyncio.create_task(worker.serve(client=client, stop=stop, ready=lambda _: ready.set()))
    await ready.wait()
    run = await start_run(client, meeting.plan, task_queue=worker.settings.task_queue)
    result = await run.result()
    stop.set()
    await serving

    assert {} == result


class Stubborn:
    """Stands for the SDK's worker where it cannot evict a run: it waits for that for ever, and ignores cancellation."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def run(self) -> None:
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue


async def test_an_sdk_that_does_not_end_keeps_no_worker(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the SDK cannot evict a run and waits for it for ever, the grace is the limit too, and it is said."""
    stubborn = Stubborn()

    def pollers(*_: object) -> list[Stubborn]:
        return [stubborn]

    monkeypatch.setattr(process, "_pollers", pollers)
    load = Load(flows=[speech(say("Hello"))], released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=0.1)
    with pytest.raises(WorkLeftError, match=r"abandoned.*a task of the Temporal SDK"):
        async with asyncio.timeout(PATIENCE), process.running(load, settings=settings, client=client):
            await asyncio.sleep(0)
    stubborn.released.set()
