"""A flow is edited while a run of it waits, and its worker comes back with the new one."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client

from resolute.temporal.client.client import RunHandle
from resolute.temporal.history.runs import describe_run
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

NODES = """
from pathlib import Path
from resolute import NodeError, env, flow, manual, node, Retry
from datetime import timedelta

@node
async def write(word: str) -> str:
    return word

@node(retry=Retry(attempts=0, initial=0.2, maximum=0.2))
async def wait_for(gate: str) -> str:
    if not Path(gate).exists():
        raise NodeError("the gate is shut")
    return "open"

@node
async def erase(word: str) -> str:
    return f"no {word}"

first, last = write("first").as_("first"), write("last").as_("last")
gone = erase("trace").as_("gone")
gate = wait_for(env("GATE")).as_("gate")
extra, more = write("extra").as_("extra"), write("more").as_("more")
"""

BEFORE = (
    NODES
    + """
journey = flow("journey").triggered_by(manual("go")).then(first).then(gate).then(gone).then(last).build()
"""
)

# A step before and one after the one that waits, one deleted, and its node with it.
AFTER = (
    NODES.replace("gone = erase", "unused = erase")
    + """
journey = flow("journey").triggered_by(manual("go")).then(extra).then(first).then(gate).then(more).then(last).build()
"""
)

# Not even the name of the flow is left.
RENAMED = AFTER.replace('flow("journey")', 'flow("voyage")')

DECIDING = (
    NODES
    + """
def is_calm(state):
    return state["gate"] == "open"

journey = (
    flow("journey").triggered_by(manual("go")).then(gate)
    .when(lambda state: False).then(first).end_when()
    .when(is_calm).then(last).end_when()
    .when(is_calm).then(extra).end_when()
    .build()
)
"""
)

# The lambda says something else, and the function decides no longer, but stands in the file.
REDECIDED = DECIDING.replace("lambda state: False", "lambda state: state['gate'] == 'open'").replace(
    ".when(is_calm)", ".when(gate.output == 'shut')"
)


async def test_decisions_may_be_edited_while_a_run_waits(tmp_path: Path, temporal_client: Client) -> None:
    """A run in flight decides by the newest code of its lambda, and by a function that its flow no longer uses."""
    result, _ = await edited_while_waiting(tmp_path, temporal_client, REDECIDED, before=DECIDING)

    assert {"gate": "open", "first": "first", "last": "last", "extra": "extra"} == result


async def test_a_run_ends_by_its_own_plan(tmp_path: Path, temporal_client: Client) -> None:
    """Steps inserted before and after the one that waits, one deleted, the worker restarted: the old plan is done."""
    result, steps = await edited_while_waiting(tmp_path, temporal_client, AFTER)

    assert {"first": "first", "gate": "open", "gone": "no trace", "last": "last"} == result
    assert ["first", "gate", "gone", "last"] == steps


async def test_a_run_ends_though_its_flow_is_gone(tmp_path: Path, temporal_client: Client) -> None:
    """Also where the flow itself is gone: its nodes still stand in the file."""
    result, steps = await edited_while_waiting(tmp_path, temporal_client, RENAMED)

    assert {"first": "first", "gate": "open", "gone": "no trace", "last": "last"} == result
    assert ["first", "gate", "gone", "last"] == steps


async def edited_while_waiting(
    folder: Path, client: Client, after: str, *, before: str = BEFORE
) -> tuple[object, list[str]]:
    """The result and the steps of a run whose flow is edited, and its worker restarted, while it waits in a retry."""
    file, gate = folder / "journey.py", folder / "gate"
    place = {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "RESOLUTE_TASK_QUEUE": uuid4().hex,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_FLOWS": str(file),
        "GATE": str(gate),
    }
    file.write_text(before)
    async with started("worker", folder=folder, **place) as worker:
        await worker.url()
        _, printed, _ = await resolute("run", "journey", "--no-wait", "--json", folder=folder, **place)
        run = json.loads(printed)["run"]
        await worker.line("the gate is shut")
        await worker.stopped()
    file.write_text(after)
    async with started("worker", folder=folder, **place) as worker:
        await worker.line("the gate is shut")
        gate.touch()
        async with asyncio.timeout(PATIENCE):
            result = await RunHandle(client.get_workflow_handle(run), "journey").result()
    report = (await describe_run(client, run)).report
    assert report is not None
    return result, [step.id for step in report.steps]
