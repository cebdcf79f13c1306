"""Starts with a key on a server: at most one run of a key goes on, and what happens to the others is what was said."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.client import Client

from resolute import Flow, current_call, flow, input_data, manual, node, signal, wait_for
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.keyed import Keyed, WhileRunning
from resolute.running.line import MOST_WAITING, Became, LineFullError, Start
from resolute.running.messages import MessageRefusedError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.client.keyed import HandedIn, hand_in
from resolute.temporal.history.runs import describe_run, list_runs
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.wire.start import without_plan
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.keeper import LINE
from tests.keys import KEYS
from tests.patience import PATIENCE

GO = manual("go")
DONE: list[str] = []
"""What was done, in order: the number of a start, or what undid it."""


class Order(BaseModel):
    """The input, and an event."""

    key: str
    number: int


@node
async def hold(order: Order) -> int:
    """Goes on until the test releases it."""
    await GATES.setdefault((order.key, order.number), asyncio.Event()).wait()
    DONE.append(f"{order.key}{order.number}")
    return order.number


@node
async def undo(order: Order) -> None:
    """Undoes."""
    DONE.append(f"{order.key}{order.number} undone")


@node
async def quick(order: Order) -> str:
    """Completes at once."""
    DONE.append(f"{order.key}{order.number} begins")
    BEGUN.setdefault((order.key, order.number), asyncio.Event()).set()
    return current_call().workflow_id


GATES: dict[tuple[str, int], asyncio.Event] = {}
BEGUN: dict[tuple[str, int], asyncio.Event] = {}

order = input_data(Order)
held = (
    flow("held")
    .triggered_by(manual("go", input=Order))
    .then(quick(order).as_("begin").on_failure(undo(order).as_("undo")))
    .then(hold(order).as_("held"))
    .build()
)
listening = (
    flow("listening")
    .triggered_by(manual("go", input=Order))
    .then(quick(order).as_("begin"))
    .then(wait_for(signal("order", Order)).as_("one"))
    .then(wait_for(signal("order", Order)).as_("other"))
    .build()
)
alone = (
    flow("alone", one_per=order.key, while_running="skip")
    .triggered_by(manual("go", input=Order))
    .then(quick(order).as_("begin"))
    .then(hold(order).as_("held"))
    .build()
)
FLOWS = [held, listening, alone]


@dataclass
class Desk:
    """Hands starts in, on a worker of its own."""

    client: Client
    queue: str

    async def hand_in(self, flow: Flow, key: str, number: int, while_running: WhileRunning, **changes: Any) -> HandedIn:
        """Hands a start in."""
        value = {"key": key, "number": number}
        start = Start(id=f"{key}-{number}", argument=without_plan(value), while_running=while_running)
        run = Keyed(key=("key",)).run_id(flow.name, value)
        changed = replace(start, **changes)
        return await hand_in(
            self.client, flow.name, run, changed, task_queue=self.queue, keys=KEYS, patience=timedelta(minutes=2)
        )

    async def became(self, flow: Flow, key: str, number: int, while_running: WhileRunning) -> Became:
        """What became of a start."""
        return (await self.hand_in(flow, key, number, while_running)).became

    async def result(self, flow: Flow, key: str) -> Any:
        """The result of the run of a key."""
        return await self.client.get_workflow_handle(f"{flow.name}/key/{key}").result()


@pytest.fixture
async def desk(temporal_client: Client) -> AsyncIterator[Desk]:
    """A worker. It has a cache: without one the SDK loses tasks where two runs make local calls at the same time."""
    DONE.clear()
    GATES.clear()
    BEGUN.clear()
    executor = NodeExecutor.for_flows(FLOWS, environment=Environment({}))
    worker = temporal_worker(
        temporal_client,
        Activities(FLOWS, executor, KEYS),
        task_queue=(queue := f"keys-{uuid.uuid4().hex[:8]}"),
        graceful_shutdown=timedelta(0),
    )
    async with worker, asyncio.timeout(PATIENCE):
        yield Desk(temporal_client, queue)


def key() -> str:
    """A key that no other test uses."""
    return uuid.uuid4().hex[:6]


async def begun(key: str, number: int) -> None:
    """Waits until a start has begun."""
    await BEGUN.setdefault((key, number), asyncio.Event()).wait()


def release(key: str, *numbers: int) -> None:
    """Lets starts go on."""
    for number in numbers:
        GATES.setdefault((key, number), asyncio.Event()).set()


async def test_queued_starts(desk: Desk) -> None:
    """Starts wait for the run in progress and begin in their order; one that comes twice begins once."""
    name = key()
    became = [await desk.became(held, name, number, "queue") for number in (1, 2, 3, 2)]
    repeated = await desk.hand_in(held, name, 1, "queue")
    await begun(name, 1)
    alone_so_far = list(DONE)
    release(name, 1, 2, 3)
    await begun(name, 3)

    assert ["started", "queued", "queued", "queued"] == became
    assert (True, "started") == (repeated.again, repeated.became)
    assert [f"{name}1 begins"] == alone_so_far
    assert [f"{name}1 begins", f"{name}1", f"{name}2 begins", f"{name}2", f"{name}3 begins"] == DONE[:5]


async def test_skipped_starts(desk: Desk) -> None:
    """A start is skipped while a run of its key goes on, and a later one begins; a redelivery begins nothing."""
    name = key()
    first = await desk.became(held, name, 1, "skip")
    second = await desk.became(held, name, 2, "skip")
    release(name, 1)
    await begun(name, 1)
    await desk.result(held, name)
    again = [await desk.hand_in(held, name, number, "skip") for number in (1, 2)]

    assert ("started", "skipped") == (first, second)
    assert [("started", True), ("skipped", True)] == [(each.became, each.again) for each in again]
    assert [f"{name}1 begins", f"{name}1"] == DONE


async def test_replaced_runs(desk: Desk) -> None:
    """The run in progress is cancelled and undone, and only then the new one begins."""
    name = key()
    await desk.became(held, name, 1, "replace")
    await begun(name, 1)
    became = await desk.became(held, name, 2, "replace")
    await begun(name, 2)
    release(name, 2)

    assert "replaced" == became
    assert [f"{name}1 begins", f"{name}1 undone", f"{name}2 begins"] == DONE[:3]


async def test_told_runs(desk: Desk) -> None:
    """A run in progress is told of each delivery once; a delivery that comes after its end begins another run."""
    name = key()

    async def tell(number: int) -> Became:
        return (
            await desk.hand_in(listening, name, number, "tell", event=("order", {"key": name, "number": number}))
        ).became

    became = [await tell(number) for number in (1, 2, 2, 3)]
    result: Any = await desk.result(listening, name)
    became.append(await tell(4))
    await begun(name, 4)

    assert ["started", "told", "told", "told", "started"] == became
    assert [2, 3] == [result["one"]["number"], result["other"]["number"]]


async def test_what_only_a_run_in_progress_is_told(desk: Desk) -> None:
    """A delivery that starts nothing is ignored where no run goes on, and its line is kept for nothing."""
    name = key()
    told = await desk.hand_in(listening, name, 1, "tell", event=("order", {}), first=False)
    await desk.client.get_workflow_handle(f"{LINE}/listening/key/{name}").result()

    assert ("ignored", False) == (told.became, told.again)


async def test_a_run_that_is_terminated(desk: Desk) -> None:
    """What ends a run, even by force, loses no start that waits."""
    name = key()
    await desk.became(held, name, 1, "queue")
    await desk.became(held, name, 2, "queue")
    await begun(name, 1)
    await desk.client.get_workflow_handle(f"held/key/{name}").terminate()
    await begun(name, 2)
    release(name, 2)

    assert [f"{name}1 begins", f"{name}2 begins"] == DONE[:2]


async def test_a_line_that_is_terminated(desk: Desk) -> None:
    """Without its line a run still goes on alone: the next start waits for its end."""
    name = key()
    await desk.became(held, name, 1, "queue")
    await begun(name, 1)
    await desk.client.get_workflow_handle(f"{LINE}/held/key/{name}").terminate()
    became = await desk.became(held, name, 2, "queue")
    third = await desk.became(held, name, 3, "skip")
    release(name, 1, 2)
    await begun(name, 2)

    assert ("started", "skipped") == (became, third)
    assert [f"{name}1 begins", f"{name}1", f"{name}2 begins"] == DONE[:3]


async def test_a_start_that_nobody_handed_in(desk: Desk) -> None:
    """A run of such a flow that is started in any other way hands its start in, and says what became of it."""
    name = key()
    value = {"key": name, "number": 1}
    plain = await start_run(desk.client, alone.plan, task_queue=desk.queue, input_data=value, keys=KEYS)
    first: Any = await plain.result()
    await begun(name, 1)
    unsealed = await desk.client.start_workflow(
        alone.name, {"key": name, "number": 2}, id=f"elsewhere-{uuid.uuid4().hex}", task_queue=desk.queue
    )
    second: Any = await unsealed.result()
    described = await describe_run(desk.client, plain.workflow_id)
    listed = [run.workflow_id for run in await list_runs(desk.client, limit=500)]
    release(name, 1)
    result: Any = await desk.result(alone, name)

    assert ("started", f"alone/key/{name}") == (first["became"], first["run"])
    assert "skipped" == second["became"]
    assert f"alone/key/{name}" == result["begin"]
    assert described.report is not None
    assert first == described.report.result
    assert {"pending"} == {step.status for step in described.report.steps}
    assert not [run for run in listed if run.startswith(LINE)]


async def test_a_start_without_a_key(desk: Desk) -> None:
    """A run whose input has no key fails, and says which field it is."""
    run = await desk.client.start_workflow(
        alone.name, {"key": "", "number": 2}, id=f"elsewhere-{uuid.uuid4().hex}", task_queue=desk.queue
    )

    with pytest.raises(Exception) as caught:  # Temporal's own
        await run.result()
    assert "input.key is empty" in str(caught.value.__cause__)


async def test_a_full_line(desk: Desk) -> None:
    """A start that finds no room is refused, and can be sent again."""
    name = key()
    await desk.became(held, name, 0, "queue")
    large = without_plan({"key": name, "number": 1, "text": "x" * 600_000})
    await desk.hand_in(held, name, 1, "queue", argument=large)

    with pytest.raises(LineFullError, match=r"1,000,000 bytes: send this one again later"):
        await desk.hand_in(held, name, 2, "queue", argument=large)
    assert MOST_WAITING > 1
    release(name, 0, 1)


async def test_a_stranger(desk: Desk) -> None:
    """A start that is not sealed by the worker's keys is refused."""
    name = key()
    start = Start(id="1", argument=without_plan({"key": name, "number": 1}), while_running="queue")

    with pytest.raises(MessageRefusedError, match="not sealed"):
        await hand_in(desk.client, "held", f"held/key/{name}", start, task_queue=desk.queue, keys=NO_KEYS)
