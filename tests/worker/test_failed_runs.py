"""Flows that are told of failed runs, on a real worker: each failed run once, whatever happens in between."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from resolute import FailedRun, Flow, TerminalError, child, failed_runs, flow, input_data, manual, node, sleep
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError
from resolute.temporal.client.client import start_run
from resolute.temporal.workflows.shared import shared_id
from resolute_worker import process
from resolute_worker.deploying import Load
from resolute_worker.process import Running, running
from resolute_worker.settings import Settings
from resolute_worker.watch.failed_runs import FailedRunsTeller
from tests.patience import PATIENCE
from tests.worker.listing import listed

SECRET = "hunter2-hunter2"


@node(effect="pure")
async def ill(text: str) -> str:
    raise TerminalError(f"the disk is full, says {text}")


@node(effect="write")
async def heard(run: FailedRun) -> FailedRun:
    if run.flow.startswith("cruel"):
        raise TerminalError("the pager is gone")
    return run


@dataclass
class Place:
    """A task queue, and the flows of its workers."""

    client: Client
    queue: str
    flows: dict[str, Flow]

    @contextlib.asynccontextmanager
    async def at_work(self, *names: str) -> AsyncGenerator[Running]:
        """A worker with some of the flows."""
        load = Load(flows=[self.flows[name] for name in names], released=datetime(2026, 1, 1, tzinfo=UTC))
        settings = Settings(task_queue=self.queue, http_port=0, shutdown_seconds=1, watch=False)
        of_its_own = await Client.connect(self.client.service_client.config.target_host)
        environment = Environment({"PASSWORD": SECRET})
        environment.read("$secret", "PASSWORD")
        async with running(load, settings=settings, environment=environment, client=of_its_own) as worker:
            yield worker

    async def start(self, name: str) -> Any:
        """Starts a run."""
        return await start_run(self.client, self.flows[name].plan, task_queue=self.queue)

    async def fails(self, name: str) -> str:
        """Starts a run that fails, and gives its id."""
        run = await self.start(name)
        with pytest.raises(FlowError):
            await run.result()
        return run.workflow_id

    async def has_begun(self, *names: str) -> None:
        """Waits until flows are told of what fails from now on."""
        async with asyncio.timeout(PATIENCE):
            for name in names:
                book = self.client.get_workflow_handle(shared_id(self.queue, f"failed/{self.flows[name].name}"))
                while not await _cursor(book):
                    await asyncio.sleep(0.1)

    async def told(self, name: str, most: int) -> list[FailedRun]:
        """What runs of a flow were told, when there are so many."""
        async with asyncio.timeout(PATIENCE):
            while True:
                query = f"WorkflowType = '{self.flows[name].name}' AND ExecutionStatus = 'Completed'"
                runs = [run async for run in self.client.list_workflows(query)]
                if len(runs) >= most:
                    results = [await self.client.get_workflow_handle(run.id).result() for run in runs]
                    return [FailedRun.model_validate(result["heard"]) for result in results]
                await asyncio.sleep(0.2)

    async def all_runs(self, name: str) -> int:
        """How many runs of a flow there are, however they ended."""
        query = f"WorkflowType = '{self.flows[name].name}'"
        return len([run async for run in self.client.list_workflows(query)])


async def _cursor(book: WorkflowHandle[Any, Any]) -> object:
    try:
        state: Any = await book.query("status")
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None
    return state["cursor"]


@pytest.fixture
def place(client: Client, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Flows that fail in several ways, and flows that are told of it."""
    monkeypatch.setattr(process, "FailedRunsTeller", partial(FailedRunsTeller, every=timedelta(seconds=0.3)))
    end = uuid4().hex[:6]
    hears = heard(input_data(FailedRun)).as_("heard")
    bad = flow(f"bad-{end}").triggered_by(manual("go")).then(ill(SECRET).as_("disk")).build()
    flows = {
        "bad": bad,
        "cruel": flow(f"cruel-{end}").triggered_by(manual("go")).then(ill("nobody").as_("disk")).build(),
        "worse": flow(f"worse-{end}").triggered_by(manual("go")).then(ill("nobody").as_("disk")).build(),
        "slow": flow(f"slow-{end}", within=timedelta(seconds=1))
        .triggered_by(manual("go"))
        .then(sleep(timedelta(hours=1)))
        .build(),
        "waits": flow(f"waits-{end}").triggered_by(manual("go")).then(sleep(timedelta(hours=1))).build(),
        "above": flow(f"above-{end}").triggered_by(manual("go")).then(child(bad).as_("below")).build(),
        "all": flow(f"all-{end}").triggered_by(failed_runs()).then(hears).build(),
        "bads": flow(f"bads-{end}").triggered_by(failed_runs(f"bad-{end}", f"all-{end}")).then(hears).build(),
        "few": flow(f"few-{end}").triggered_by(failed_runs(at_most=2, per=timedelta(seconds=3))).then(hears).build(),
    }
    return Place(client, uuid4().hex, flows)


async def test_every_failed_run_is_told_of_once(place: Place) -> None:
    """Failed, out of time, terminated while no worker was there: one run each, with what a person wants to know."""
    names = ("bad", "slow", "waits", "all", "bads")
    async with place.at_work(*names), place.at_work(*names):
        await place.has_begun("all", "bads")
        failed = await place.fails("bad")
        late = await place.fails("slow")
        waits = await place.start("waits")
        await place.told("all", 2)
        await place.told("bads", 1)
    await place.client.get_workflow_handle(waits.workflow_id).terminate(reason="by hand")
    async with place.at_work(*names):
        told = {run.run: run for run in await place.told("all", 3)}
        of_bad = await place.told("bads", 1)

    assert [failed] == [run.run for run in of_bad]
    assert {failed: "failed", late: "timed_out", waits.workflow_id: "terminated"} == {
        name: run.status for name, run in told.items()
    }
    assert ("disk", "TerminalError", "the disk is full, says ***") == (
        told[failed].step,
        told[failed].error_type,
        told[failed].message,
    )
    assert "the run was terminated: by hand" == told[waits.workflow_id].message
    assert [f"resolute show {name}" for name in told] == [run.show for run in told.values()]
    assert [1, 1, 1] == [run.count for run in told.values()]
    assert (3, 1) == (await place.all_runs("all"), await place.all_runs("bads"))


async def test_a_flow_that_fails_when_it_is_told(place: Place) -> None:
    """Its failed runs start nothing, neither itself nor another flow that is told; nor do steps that ran a flow."""
    names = ("bad", "cruel", "above", "all", "bads")
    async with place.at_work(*names):
        await place.has_begun("all", "bads")
        await place.fails("cruel")
        above = await place.fails("above")
        last = await place.fails("bad")
        told = {run.run: run.step for run in await place.told("all", 2)}
        of_bad = [run.run for run in await place.told("bads", 1)]

        async with asyncio.timeout(PATIENCE):
            while await place.all_runs("all") < 3:  # the one that is told of the first failed run fails itself
                await asyncio.sleep(0.05)

    assert {above: "below", last: "disk"} == told
    assert [last] == of_bad
    assert (3, 1) == (await place.all_runs("all"), await place.all_runs("bads"))


async def test_a_storm_is_told_of_in_one_run(place: Place) -> None:
    """Beyond the bound, failed runs are told of together, with how many there were of each flow."""
    async with place.at_work("few", "bad", "worse"):
        await place.has_begun("few")
    async with place.at_work("bad", "worse"):
        failed = [await place.fails(name) for name in ("bad", "bad", "worse", "worse", "worse")]
    await listed(place.client, *failed, status="Failed")  # what is listed later is no part of this storm
    async with place.at_work("few", "bad", "worse"):
        told = await place.told("few", 3)

    alone, together = [run for run in told if run.count == 1], [run for run in told if run.count > 1]
    assert ["bad", "bad"] == [run.flow.partition("-")[0] for run in alone]
    assert [(3, {place.flows["worse"].name: 3})] == [(run.count, run.flows) for run in together]
