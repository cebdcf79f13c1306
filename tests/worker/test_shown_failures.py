"""What `resolute show` says of each kind of failure: the value, the file and line, and what to do."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client

from resolute.plan.errors import MissingEnvironmentError
from resolute.temporal.client.client import start_deployed
from resolute.temporal.history.runs import describe_run
from resolute_pagerduty import errors as pagerduty_errors
from resolute_pagerduty.simulator import Simulator
from resolute_worker.cli.advice import advice
from resolute_worker.embedded import EmbeddedServer
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

FLOWS = """
import asyncio
import time
from datetime import timedelta
import resolute_pagerduty as pagerduty
from resolute import Retry, flow, manual, node

def helper(size: int) -> float:
    return 1 / size

@node(retry=Retry(attempts=1))
async def raises(size: int) -> float:
    return {"known": 1.0}[f"nope-{size}"]

@node(retry=Retry(attempts=1))
async def deep(size: int) -> float:
    return helper(size)

@node(retry=Retry(attempts=1))
def thread(size: int) -> float:
    return helper(size)

@node(retry=Retry(attempts=1), timeout=timedelta(seconds=1))
def slow(size: int) -> float:
    time.sleep(3)
    return 1.0

@node(retry=Retry(attempts=1))
async def wrong(size: int) -> int:
    return "many"

def decide(state) -> bool:
    return helper(0) > 1

@node(retry=Retry(attempts=1), timeout=timedelta(minutes=5))
async def linger(size: int) -> None:
    print("lingering")
    await asyncio.Event().wait()

once = {"attempts": 1}
found = pagerduty.get_incident(id="PT4KHLK").retry(**once).as_("step")
services = pagerduty.list_services(query="shop").retry(**once).as_("step")

start = manual("start")
finding = flow("finding").triggered_by(start).then(found).build()
listing = flow("listing").triggered_by(start).then(services).build()
lingering = flow("lingering").triggered_by(start).then(linger(4711).as_("step")).build()
raising = flow("raising").triggered_by(start).then(raises(0).as_("step")).build()
deeper = flow("deeper").triggered_by(start).then(deep(0).as_("step")).build()
threaded = flow("threaded").triggered_by(start).then(thread(0).as_("step")).build()
slower = flow("slower").triggered_by(start).then(slow(0).as_("step")).build()
mistaken = flow("mistaken").triggered_by(start).then(wrong(0).as_("step")).build()
deciding = flow("deciding").triggered_by(start).when(decide).then(raises(0)).end_when().build()
"""

FILE = "flows/failing.py"


@pytest.fixture(scope="module")
async def sim() -> AsyncIterator[Simulator]:
    """The PagerDuty that the worker talks to."""
    async with Simulator.serve() as sim:
        yield sim


@pytest.fixture(scope="module")
async def place(
    tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer, sim: Simulator
) -> AsyncIterator[dict[str, str]]:
    """The variables and, under FOLDER, the place of a worker at work on the flows above."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "flows").mkdir()
    (folder / FILE).write_text(FLOWS)
    place = {"TEMPORAL_ADDRESS": server.address, "RESOLUTE_TASK_QUEUE": uuid4().hex, "RESOLUTE_HTTP_PORT": "0"}
    account = {
        "PAGERDUTY_API_URL": sim.url,
        "PAGERDUTY_EVENTS_URL": sim.events_url,
        "PAGERDUTY_API_KEY": sim.world.account_key,
        "PAGERDUTY_FROM_EMAIL": sim.world.from_email,
    }
    async with started("worker", folder=folder, **account, **place) as worker:
        await worker.url()
        yield {**place, "FOLDER": str(folder)}


def line_of(code: str) -> int:
    """The line of the flows' file that holds a code."""
    return next(number for number, line in enumerate(FLOWS.splitlines(), 1) if code in line)


@pytest.mark.parametrize(
    ("flow", "error", "code", "what"),
    [
        ("raising", "nope-0", 'return {"known"', "mend"),
        ("deeper", "ZeroDivisionError: division by zero", "return 1 / size", "mend"),
        ("threaded", "ZeroDivisionError: division by zero", "return 1 / size", "mend"),
        ("deciding", "ZeroDivisionError: division by zero", "return 1 / size", "mend"),
        ("slower", "TimeoutError: ", "", "give the step more time with .timeout(...)"),
        (
            "mistaken",
            "InvalidResultError: node 'wrong' returned",
            "async def wrong",
            "make the node return what its annotation says",
        ),
    ],
)
async def test_a_failed_run_says_what_where_and_what_to_do(
    place: dict[str, str], flow: str, error: str, code: str, what: str
) -> None:
    """One command shows the error, the line it came from, the line that wrote the step, and what to do next."""
    folder = Path(place["FOLDER"])
    _, printed, _ = await resolute("run", flow, "--json", folder=folder, **place)
    run = json.loads(printed)["run"]
    _, text, _ = await resolute("show", run, folder=folder, **place)
    lines = " ".join(text.split())

    assert error in lines
    assert f"what to do: {what}" in lines
    assert f"then: resolute retry {run}" in lines
    if code:
        assert f'File "{FILE}", line {line_of(code)}' in lines
    if what == "mend":
        assert f"mend {FILE}:{line_of(code)}" in lines
    assert f"written at {FILE}:{line_of(f'flow({json.dumps(flow)})')}" in lines


@pytest.mark.parametrize(
    ("flow", "fault", "error", "value", "what"),
    [
        ("listing", {"status": 400}, "BadRequestError", "query = 'shop'", "correct the arguments of the step"),
        ("finding", {"status": 503}, "ServiceUnavailableError", "id = 'PT4KHLK'", "see status.pagerduty.com"),
        ("finding", {"status": 401}, "UnauthorizedError", "id = 'PT4KHLK'", "check the key and its permissions"),
        # The last one: until the time that PagerDuty names is over, the worker refuses requests like it by itself.
        (
            "listing",
            {"action": "rate_limit"},
            "RateLimitedError",
            "query = 'shop'",
            "lower PAGERDUTY_REQUESTS_PER_MINUTE",
        ),
    ],
    ids=["400", "503", "401", "429"],
)
async def test_what_pagerduty_refused_says_the_value_and_what_to_do(
    place: dict[str, str], sim: Simulator, flow: str, fault: dict[str, Any], error: str, value: str, what: str
) -> None:
    """A step that PagerDuty refused shows what it was given and where, PagerDuty's answer, and what to do next."""
    fields: dict[str, Any] = {"action": "status", "path": "/**", "times": 1, **fault}
    sim.faults.add(**fields)
    folder = Path(place["FOLDER"])
    _, printed, _ = await resolute("run", flow, "--json", folder=folder, **place)
    run = json.loads(printed)["run"]
    _, text, _ = await resolute("show", run, folder=folder, **place)
    lines = " ".join(text.split())

    written = f"written at {FILE}:{line_of('get_incident' if flow == 'finding' else 'list_services')}"
    for part in (f"{error}: ", value, written, f"what to do: {what}", f"then: resolute retry {run}"):
        assert part in lines


async def test_a_killed_worker_is_no_slow_step(place: dict[str, str]) -> None:
    """A step whose worker was killed says so, shows what it was given, and does not ask for more time."""
    folder, alone = Path(place["FOLDER"]), {**place, "RESOLUTE_TASK_QUEUE": uuid4().hex}
    async with started("worker", folder=folder, **alone) as first:
        await first.url()
        begun = await resolute("run", "lingering", "--no-wait", "--json", folder=folder, **alone)
        await first.line("lingering")
        await first.stopped(signal.SIGKILL)
    run, text = json.loads(begun[1])["run"], ""
    async with started("worker", folder=folder, **alone) as second:
        await second.line("run failed")
        _, text, _ = await resolute("show", run, folder=folder, **alone)
        await second.stopped()
    lines = " ".join(text.split())

    written = f"written at {FILE}:{line_of('linger(4711)')}"
    for part in ("the worker that ran it was lost", "size = 4711", written, "find out why the worker ended"):
        assert part in lines
    assert f"retry {run}" in lines


async def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    """A step that reads a secret which is not set names it, and says where to set it."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "telling.py").write_text(
        "from resolute import flow, manual, node, secret\n"
        "@node\nasync def tell(token: str) -> None: ...\n"
        "telling = flow('telling').triggered_by(manual('start')).then(tell(secret('SHOP_TOKEN')).as_('step')).build()\n"
    )
    async with started("dev", "--port", "0", "--http-port", "0", folder=tmp_path) as dev:
        place = {"TEMPORAL_ADDRESS": (await dev.line("export TEMPORAL_ADDRESS=")).rpartition("=")[2]}
        await dev.line("Ready")
        _, printed, _ = await resolute("run", "telling", "--json", folder=tmp_path, **place)
        _, text, _ = await resolute("show", json.loads(printed)["run"], folder=tmp_path, **place)
        await dev.stopped()
    lines = " ".join(text.split())

    for part in (
        "MissingEnvironmentError: secret SHOP_TOKEN is not set",
        "what to do: set the variable for the worker",
        "written at flows/telling.py:4",
    ):
        assert part in lines
    assert 'File "flows/telling.py", line 3, in tell' in lines


async def test_a_run_of_an_unknown_flow_says_what_is_known(place: dict[str, str], client: Client) -> None:
    """A run that no worker could take up yet shows why, and until when it waits for one that can."""
    run = await start_deployed(client, "rasing", task_queue=place["RESOLUTE_TASK_QUEUE"])
    async with asyncio.timeout(PATIENCE):
        while (await describe_run(client, run.workflow_id)).handed_back is None:
            await asyncio.sleep(0.1)  # Temporal announces no task that has failed
    _, text, _ = await resolute("show", run.workflow_id, folder=Path(place["FOLDER"]), **place)
    await run.handle.terminate()

    assert "handed back by a worker, for another one to take it up: UnknownFlowError" in " ".join(text.split())
    assert "no flow 'rasing' on this worker (did you mean 'raising'?)" in " ".join(text.split())
    assert "UTC the run waits for a worker that has it" in " ".join(text.split())


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (pagerduty_errors.BadRequestError, "correct the arguments of the step, which PagerDuty refuses"),
        (pagerduty_errors.RateLimitedError, "lower PAGERDUTY_REQUESTS_PER_MINUTE"),
        (pagerduty_errors.ServiceUnavailableError, "see status.pagerduty.com"),
        (pagerduty_errors.UnauthorizedError, "check the key and its permissions with resolute pagerduty test"),
        (MissingEnvironmentError, "set the variable for the worker"),
    ],
)
def test_what_to_do_about_errors_of_services_and_settings(error: type[Exception], what: str) -> None:
    """An error that is not the author's code says what to do about it, not which line to mend."""
    assert advice(error.__name__, "", "run").startswith(f"what to do: {what}")
