"""An edited flow over what past runs recorded: what it would have done, and what the record does not answer."""

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import Client

from resolute import Flow, branch, each, env, flow, gate, input_data, manual, node, now, previous, sleep
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError, TerminalError
from resolute.plan.triggers import Schedule
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.backtest import Backtest, Verdict
from resolute.temporal.history.past_runs import past_runs
from resolute.temporal.history.recorded import Recorded
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import delete_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from tests.contract.scenario import BY_HAND
from tests.contract.triggering import triggered
from tests.keys import KEYS
from tests.patience import PATIENCE


class Asked(BaseModel):
    load: int
    host: str = "db-1"


class Window(BaseModel):
    errors: list[int]


@node(effect="read")
async def measure(load: int, until: datetime) -> Window:
    if load < 0:
        raise TerminalError("no such host")
    return Window(errors=[load, load + 1])


@node(effect="read")
async def owner(host: str) -> str:
    return f"owner of {host}"


@node(effect="pure", lane="local")
def level(load: int) -> str:
    return "bad" if load > 5 else "good"


@node(effect="pure", lane="local")
def stricter(load: int) -> str:
    return "bad" if load > 3 else "good"


@node
async def page(host: str, words: str) -> str:
    return f"paged {host}"


@node
async def resolve(host: str) -> None:
    return None


def watch(judge: Any = level, *, words: str = "too much", host: Any = None, asks: bool = False) -> Flow:
    given = input_data(Asked)
    seen = measure(given.load, now()).as_("seen")
    judged = judge(given.load).as_("judged")
    asked = gate("sure", timeout=timedelta(hours=1))
    written = flow("backtested").triggered_by(manual("go", input=Asked)).then(seen).then(judged)
    written = written.when(judged.output == "bad")
    if asks:
        written = written.then(asked)
    if host is not None:
        written = written.then(host)
    return (
        written.then(page(given.host, words).as_("paged").on_failure(resolve(given.host).as_("back")))
        .then_parallel(
            branch().then(sleep(timedelta(milliseconds=5)).as_("pause")),
            each(seen.output.errors, lambda error: level(error).as_("one")).as_("all"),
        )
        .when(env("LOUD", default="") == "yes")
        .then(page("everybody", words).as_("loud"))
        .end_when()
        .end_when()
        .build()
    )


@dataclass
class Place:
    """A server with past runs of a flow."""

    client: Client

    async def verdicts(self, edited: Flow) -> list[Verdict]:
        test = Backtest(edited.plan, NodeExecutor(edited.nodes.values(), environment=Environment({})))
        since = datetime.now(UTC) - timedelta(hours=1)
        found: list[Recorded] = []
        # Temporal lists a run as ended only some time after its end.
        async with asyncio.timeout(PATIENCE):
            while len(found) < RUNS:
                runs = past_runs(self.client, edited.name, since=since, limit=100)
                found = [recorded async for _, recorded in runs]
        return [await test.judge(recorded) for recorded in found]


LOADS = [1, 4, 5, 7, -1, 9]
RUNS = 6
"""How many runs each flow of these tests has had."""


@pytest.fixture(scope="module")
async def place(temporal_client: Client) -> Place:
    """Six runs: three in which all was well, one that failed, and two that paged."""
    queue = f"backtest-{uuid.uuid4().hex[:8]}"
    flows = [watch()]
    worker = temporal_worker(
        temporal_client,
        Activities(flows, NodeExecutor.for_flows(flows, environment=Environment({"LOUD": "yes"})), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
    )
    async with worker:
        for load in LOADS:
            given: Any = {"load": load, "host": "db-1"}
            run = await start_run(temporal_client, flows[0].plan, task_queue=queue, input_data=given, keys=KEYS)
            with suppress(FlowError):
                await run.result()
    return Place(temporal_client)


async def test_the_unedited_flow_does_what_was_done(place: Place) -> None:
    """Whatever a run did, and however it ended: no difference, and nothing that the record does not answer."""
    verdicts = await place.verdicts(watch())

    assert ["same"] * 6 == [verdict.word for verdict in verdicts]
    assert [("completed", "completed")] * 4 == [verdicts[index].ended for index in (0, 1, 2, 3)]
    assert ("failed", "failed") == verdicts[4].ended


async def test_an_edit_of_what_computes_is_judged_run_by_run(place: Place) -> None:
    """Pages that the edit adds are named, and so is what the record cannot say behind them."""
    verdicts = await place.verdicts(watch(stricter))

    assert ["same", "different", "different", "same", "same", "same"] == [verdict.word for verdict in verdicts]
    assert ["page"] == [act.node for act in verdicts[1].new]
    assert {"host": "db-1", "words": "too much"} == verdicts[1].new[0].arguments
    assert ("step 'paged' gives a made-up output: it was not done then",) == verdicts[1].assumed
    assert "was never asked" in verdicts[1].unknown[0]  # what the environment said is not in the record


async def test_a_write_with_other_words_is_another_write(place: Place) -> None:
    """The one that was done is no longer, the other is new, and the run goes on with what was given then."""
    verdict = (await place.verdicts(watch(words="far too much")))[3]

    assert "different" == verdict.word
    assert [{"host": "db-1", "words": "too much"}, {"host": "everybody", "words": "too much"}] == [
        act.arguments for act in verdict.no_longer
    ]
    assert ["far too much"] * 2 == [act.arguments["words"] for act in verdict.new]


async def test_what_was_never_asked_is_not_guessed(place: Place) -> None:
    """A new read ends what can be said of a run; a run that does not come to it is judged as ever."""
    verdicts = await place.verdicts(watch(host=owner(input_data(Asked).host).as_("whose")))

    assert ["same", "same", "same", "unknown", "same", "unknown"] == [verdict.word for verdict in verdicts]
    assert ("owner was never asked what step 'whose' asks now",) == verdicts[3].unknown
    assert () == verdicts[3].no_longer


async def test_a_new_gate_has_no_answer(place: Place) -> None:
    """Nobody was asked then, and no timeout stands in for a decision."""
    verdicts = await place.verdicts(watch(asks=True))

    assert ("gate 'sure': nobody was asked for it then",) == verdicts[3].unknown


PAGED: list[str] = []


@node(effect="read")
async def look() -> str:
    return PAGED[-1]


def remembering(bad: str = "bad") -> Flow:
    seen = look().as_("seen")
    return (
        flow("backtested-memory")
        .triggered_by(BY_HAND)
        .then(seen)
        .when((seen.output == bad) & (previous(seen.output) != bad))
        .then(page("db-1", bad).as_("paged"))
        .end_when()
        .build()
    )


async def test_memory_goes_from_run_to_run(temporal_client: Client) -> None:
    """Each run knows what the edited flow would have handed on, so a page that moves is not counted twice."""
    queue = f"backtest-{uuid.uuid4().hex[:8]}"
    built = remembering()
    worker = temporal_worker(
        temporal_client,
        Activities([built], NodeExecutor.for_flows([built], environment=Environment({})), KEYS),
        task_queue=queue,
        graceful_shutdown=timedelta(0),
    )
    async with worker:
        (trigger,) = built.plan.triggers
        assert isinstance(trigger, Schedule)
        argument = start_argument(built.plan, keys=KEYS)
        release = Release(task_queue=queue, worker_set=queue, released=datetime.now(UTC), by=None)
        await deploy_schedules(
            temporal_client, [ScheduledFlow(name=built.name, schedule=trigger, start_argument=argument)], release
        )
        for seen in ("good", "bad", "bad", "good", "worse", "worse"):
            PAGED.append(seen)
            run = await triggered(temporal_client, built.name)
            await temporal_client.get_workflow_handle(run.workflow_id, run_id=run.run_id).result()
        await delete_schedule(temporal_client, built.name)
    place = Place(temporal_client)

    assert ["same"] * 6 == [verdict.word for verdict in await place.verdicts(built)]
    edited = await place.verdicts(remembering("worse"))
    assert [1] == [index for index, verdict in enumerate(edited) if verdict.no_longer]
    assert [4] == [index for index, verdict in enumerate(edited) if verdict.new]
