"""Dry runs and shadows, in memory and on Temporal: what reads is done, what writes is not, and the run says so."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from pydantic import BaseModel
from temporalio.client import Client

from resolute import (
    Flow,
    Retry,
    branch,
    child,
    current_call,
    each,
    flow,
    gate,
    input_data,
    manual,
    node,
    repeat,
    secret,
)
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.memory.runtime import run_in_memory
from resolute.plan.context import CallContext, check_may_write
from resolute.plan.errors import FlowError, UnsealedCallError
from resolute.plan.made_up import MADE_UP
from resolute.plan.plan import Mode, Plan
from resolute.running.report import RunReport
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run, list_runs
from resolute.temporal.trust.belief import Belief
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.worker import temporal_worker
from tests.keys import KEYS
from tests.patience import PATIENCE

WRITTEN: Final[dict[str, list[str]]] = defaultdict(list)
"""What was written, by the flow that did it."""


class Host(BaseModel):
    name: str


class Opened(BaseModel):
    id: str
    number: int
    accepted: bool


def write(what: str) -> None:
    """What a client does: it asks whether it may, and sends."""
    check_may_write(f"POST /{what}")
    WRITTEN[current_call().flow].append(what)


@node(effect="read")
async def hosts() -> list[Host]:
    return [Host(name="a"), Host(name="b")]


@node(effect="read", retry=Retry(attempts=1))
async def look_at(incident: str) -> str:
    return f"looked at {incident}"


@node(lane="local")
async def restart(host: str) -> str:
    WRITTEN[current_call().flow].append(f"restarted {host}")
    return "restarted"


@node(retry=Retry(attempts=1))
async def open_incident(summary: str, key: str = "") -> Opened:
    WRITTEN[current_call().flow].append(summary)
    return Opened(id=f"id of {summary}", number=7, accepted=True)


@node
async def close_incident(incident: str) -> None:
    WRITTEN[current_call().flow].append(f"closed {incident}")


@node(effect="read", retry=Retry(attempts=1))
async def lies(what: str) -> str:
    write(what)
    return what


@node(effect="read", retry=Retry(attempts=1))
async def lies_and_hides_it(what: str) -> str:
    try:
        write(what)
    except Exception as error:
        raise RuntimeError("something went wrong") from error
    return what


@node(effect="pure", lane="local")
def words(incident: str) -> str:
    return f"see {incident}"


@node(effect="read", retry=Retry(attempts=1))
async def breaks() -> str:
    raise OSError("the network is down")


def _plain(mode: Mode = "live") -> Flow:
    opened = open_incident("down", secret("KEY")).as_("opened").on_failure(close_incident("down"))
    return (
        flow(f"dry-plain-{mode}", mode="shadow" if mode == "shadow" else "live")
        .triggered_by(manual("go"))
        .then(opened)
        .then(words(opened.output.id).as_("said"))
        .then(look_at(opened.output.id).as_("looked"))
        .when(opened.output.accepted)
        .then(close_incident(opened.output.id).as_("closed"))
        .end_when()
        .build()
    )


def _blocks() -> Flow:
    inner = flow("dry-inner").triggered_by(manual("go", input=Host)).then(restart(input_data(Host).name).as_("cycled"))
    found, turn = hosts().as_("found"), restart("turn").as_("turn")
    asked = gate("sure", ask="Restart?", approvers=["ada@example.com"], timeout=timedelta(hours=1))
    one = each(found.output, lambda host: restart(host.name).as_("one")).as_("all")
    return (
        flow("dry-blocks", when_stuck="hold")
        .triggered_by(manual("go"))
        .then(found)
        .then(asked)
        .when(asked.output.approved)
        .then_parallel(
            branch().then(one),
            branch().then(repeat(turn, until=turn.output == MADE_UP, at_most=2).as_("turns")),
            branch().then(child(inner.build(), input=found.output[0]).as_("inside")),
        )
        .end_when()
        .then(breaks().as_("broken"))
        .build()
    )


PLAIN, SHADOW, BLOCKS = _plain(), _plain("shadow"), _blocks()
UNDONE = (
    flow("dry-undone")
    .triggered_by(manual("go"))
    .then(restart("db").as_("drained").on_failure(restart("back").as_("undo")))
    .then(breaks().as_("broken"))
    .on_failure(open_incident("failed").as_("told"))
    .build()
)
LIAR = flow("dry-liar").triggered_by(manual("go")).then(lies("incidents").as_("lied")).build()
SLY = flow("dry-sly").triggered_by(manual("go")).then(lies_and_hides_it("incidents").as_("lied")).build()
FLOWS = [PLAIN, SHADOW, BLOCKS, UNDONE, LIAR, SLY]

WRITES = "it may change something"


class Runner:
    """Runs plans on one engine."""

    def __init__(self, client: Client | None = None, queue: str = "", keys: PlanKeys = NO_KEYS) -> None:
        self.client = client
        self.queue = queue
        self.keys = keys

    async def run(self, plan: Plan) -> RunReport:
        """The report of a run that has ended."""
        if self.client is None:
            return (await run_in_memory(plan, _executor())).report
        run = await start_run(self.client, plan, task_queue=self.queue, keys=self.keys)
        with suppress(FlowError):
            await run.result()
        report = (await describe_run(self.client, run.workflow_id)).report
        assert report is not None
        return report


def _executor() -> NodeExecutor:
    return NodeExecutor.for_flows(FLOWS, environment=Environment({"KEY": "a key of the account"}))


@pytest.fixture(scope="module", params=["memory", "temporal", "replaying", "continuing", "without keys"])
async def runner(request: pytest.FixtureRequest, temporal_client: Client) -> AsyncIterator[Runner]:
    """Every engine; one forgets each run between two tasks, one continues it behind every step, one seals nothing."""
    if request.param == "memory":
        yield Runner()
        return
    keys = NO_KEYS if request.param == "without keys" else KEYS
    queue = f"dry-{uuid.uuid4().hex[:8]}"
    worker = temporal_worker(
        temporal_client,
        Activities(FLOWS, _executor(), keys),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
        max_cached_workflows=0 if request.param in ("replaying", "continuing") else 1000,
        full=(lambda ended: ended >= 1) if request.param == "continuing" else None,
    )
    async with worker:
        yield Runner(temporal_client, queue, keys)


def not_done(report: RunReport) -> dict[str, str]:
    return {step.id: step.not_done for step in report.steps if step.not_done and "[" not in step.id}


@pytest.mark.parametrize("plan", [PLAIN.plan.in_mode("dry"), SHADOW.plan], ids=["dry", "shadow"])
async def test_nothing_is_written_and_each_write_is_told(runner: Runner, plan: Plan) -> None:
    """The run goes on with made-up values of the right types, and says of each step why it was not done."""
    WRITTEN.clear()
    report = await runner.run(plan)

    assert {} == WRITTEN
    assert ("completed", plan.mode) == (report.status, report.mode)
    assert {"id": MADE_UP, "number": 0, "accepted": True} == report.step("opened").output
    assert f"see {MADE_UP}" == report.step("said").output
    looks = "it looks at what a step before it would have made"
    assert {"opened": WRITES, "looked": looks, "closed": WRITES} == not_done(report)
    assert {"summary": "down", "key": {"$secret": "KEY"}} == report.step("opened").arguments


async def test_a_live_run_of_the_same_flow_writes(runner: Runner) -> None:
    """What the tests beside this one find undone would have been done."""
    WRITTEN.clear()
    report = await runner.run(PLAIN.plan)

    assert {PLAIN.name: ["down", "closed id of down"]} == WRITTEN
    assert ("live", {}) == (report.mode, not_done(report))


async def test_every_block_and_every_other_flow_is_dry_as_well(runner: Runner) -> None:
    """Items, turns, branches and flows that run as steps write nothing; a gate asks nobody, and no step is held."""
    WRITTEN.clear()
    report = await runner.run(BLOCKS.plan.in_mode("dry"))

    assert {} == WRITTEN
    assert ("failed", "broken") == (report.status, report.failure.step if report.failure else None)
    assert [MADE_UP, MADE_UP] == report.step("all").output
    assert {"cycled": MADE_UP} == report.step("inside").output
    assert True is report.step("sure").output["approved"]  # type: ignore[call-overload,index]  # JSON of a gate
    assert "it would have asked 1 of ada@example.com, and is taken as approved" == not_done(report)["sure"]


async def test_undoing_is_dry_as_well(runner: Runner) -> None:
    """A dry run that fails says what it would have undone, and told."""
    WRITTEN.clear()
    report = await runner.run(UNDONE.plan.in_mode("dry"))

    assert {} == WRITTEN
    assert ("failed", dict.fromkeys(("drained", "undo", "told"), WRITES)) == (report.status, not_done(report))


async def test_a_node_that_lies_is_refused_by_its_client(runner: Runner) -> None:
    """Below what the node says of itself the client refuses the write, and the run says what it would have sent."""
    WRITTEN.clear()
    lied = await runner.run(LIAR.plan.in_mode("dry"))
    hidden = await runner.run(SLY.plan.in_mode("dry"))

    assert {} == WRITTEN
    assert {"lied": "its node is marked 'read', and would have sent POST /incidents"} == not_done(lied)
    assert ("failed", "RuntimeError") == (hidden.status, hidden.failure.error_type if hidden.failure else None)


async def test_a_list_of_runs_says_which_are_dry(temporal_client: Client, runner: Runner) -> None:
    """Nobody takes a dry run or a shadow for one that has written."""
    if runner.keys or runner.client is None:
        return  # one engine shows it
    for plan in (PLAIN.plan, PLAIN.plan.in_mode("dry"), SHADOW.plan):
        await runner.run(plan)
    expected = {(PLAIN.name, "live"), (PLAIN.name, "dry"), (SHADOW.name, "shadow")}
    listed: set[tuple[str, Mode]] = set()
    async with asyncio.timeout(PATIENCE):
        while not {flow for flow, _ in expected} <= {flow for flow, _ in listed} or len(listed) < len(expected):
            listed = {(run.flow, run.mode) for run in await list_runs(temporal_client, task_queue=runner.queue)}
            await asyncio.sleep(0.05)  # Temporal's list lags behind, and announces nothing

    assert expected <= listed


async def test_a_seal_of_a_dry_call_is_none_of_a_live_one() -> None:
    """Who reads a dry run's history cannot have its calls made for real by leaving out that they are dry."""
    call = CallContext(flow="f", run_id="r", workflow_id="f/1", step="s", node="restart", dry=True)
    seal = KEYS.seal("dry call", "f", "f/1", "s", "restart", {})
    belief = Belief(KEYS, [])
    belief.check(call, "f/1", {}, seal)

    with pytest.raises(UnsealedCallError):
        belief.check(replace(call, dry=False), "f/1", {}, seal)
