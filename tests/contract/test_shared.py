"""What runs share on a server: counted once whatever is lost, by all workers together, and by nobody who has no key."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateWithStartInput,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from resolute import Flow, budget, cursor, each, flow, input_data, manual, move, output
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.values import Json
from resolute.running.shared.asking import Asking, SharingRefusedError
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.shared import SHARED, shared_id
from tests.contract.generated.engines import after_each
from tests.keys import KEYS
from tests.patience import PATIENCE

START = manual("start")
A_DAY = timedelta(days=1)
LOST = 2


def _paging(name: str) -> Flow:
    """Asks a budget of seven for each item of its input, all at once."""
    asked = each(input_data(), lambda _: budget("pages", at_most=7, per=A_DAY).as_("asked"), at_once=100)
    return flow(name).triggered_by(START).then(asked.as_("all")).returns(output("all")).build()


paging, paging_elsewhere = _paging("paging"), _paging("paging-elsewhere")
following = (
    flow("following").triggered_by(START).then(move(cursor("lost"), to=input_data())).returns(cursor("lost")).build()
)
FLOWS = (paging, paging_elsewhere, following)


@dataclass
class Losing(Interceptor):
    """A client that loses the first answers: what was asked has been counted by then."""

    lost: list[object] = field(default_factory=list[object])

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # the SDK's name
        """See `Interceptor`."""
        return _Loses(next, self.lost)


class _Loses(OutboundInterceptor):
    def __init__(self, after: OutboundInterceptor, lost: list[object]) -> None:
        super().__init__(after)
        self._lost = lost

    async def start_update_with_start_workflow(self, input: StartWorkflowUpdateWithStartInput) -> Any:  # the SDK's name
        handle = await super().start_update_with_start_workflow(input)
        if len(self._lost) < LOST:
            self._lost.append(handle)
            raise RPCError("the answer was lost", RPCStatusCode.UNAVAILABLE, b"")
        return handle


@dataclass
class House:
    """Workers of one task queue."""

    client: Client
    task_queue: str

    async def granted(self, built: Flow, times: int) -> int:
        """How often a run was granted what it asked for, so many times at once."""
        items: Json = list(range(times))
        run = await start_run(self.client, built.plan, task_queue=self.task_queue, input_data=items, keys=KEYS)
        result: Any = await run.result()
        return sum([allowance["granted"] for allowance in result])

    async def ask(self, of: str, word: str, data: Json, *, asked: str = "", keys: Any = KEYS) -> Json:
        """Asks as a client."""
        asking = Asking(step="test", of=of, word=word, data=data)
        return await ask_shared_once(self.client, self.task_queue, asking, keys=keys, asked=asked)

    async def take(self, of: str, asked: str) -> Json:
        """Asks a budget of one."""
        return await self.ask(of, "take", {"at_most": 1, "per": 3600, "take": 1}, asked=asked)


async def _house(stack: AsyncExitStack, client: Client, *, workers: int = 1, **options: Any) -> House:
    house = House(client, f"shared-{uuid.uuid4().hex[:8]}")
    for _ in range(workers):
        # The SDK takes two workers of one task queue only with a connection for each.
        own = await Client.connect(client.service_client.config.target_host) if workers > 1 else client
        executor = NodeExecutor.for_flows(FLOWS, environment=Environment({}))
        worker = temporal_worker(
            own,
            Activities(FLOWS, executor, KEYS),
            task_queue=house.task_queue,
            graceful_shutdown=timedelta(0),
            **options,
        )
        await stack.enter_async_context(worker)
    return house


@pytest.fixture
async def house(temporal_client: Client) -> AsyncIterator[House]:
    """Two workers."""
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        yield await _house(stack, temporal_client, workers=2)


async def test_two_flows_at_once(house: House) -> None:
    """Of 200 questions of two flows at once, on two workers, exactly as many are granted as the budget has."""
    granted = await asyncio.gather(house.granted(paging, 100), house.granted(paging_elsewhere, 100))

    assert 7 == sum(granted)


async def test_an_answer_that_is_lost(temporal_client: Client) -> None:
    """A worker that loses the answer asks again, and what it asked for counts once."""
    losing = Losing()
    config = temporal_client.config()
    config["interceptors"] = [losing]
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        house = await _house(stack, Client(**config))
        granted = await house.granted(paging, 10)

    assert (7, LOST) == (granted, len(losing.lost))


async def test_what_is_asked_twice(temporal_client: Client) -> None:
    """A question counts once, also where a new history of what keeps the budget has begun since."""
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
        house = await _house(stack, temporal_client, full=after_each)
        first = await house.take("budget/small", "run/one")
        other = await house.take("budget/small", "run/two")
        again = [await house.take("budget/small", name) for name in ("run/one", "run/two")]

    assert [first, other] == again
    assert [True, False] == [granted_in(answer) for answer in again]


def granted_in(answer: Any) -> bool:
    """Whether an answer is a grant."""
    return answer["granted"]


async def test_strangers(house: House) -> None:
    """What is not sealed is refused, and who starts the workflow gives it no state of their own."""
    workflow_id = shared_id(house.task_queue, "cursor/forged")
    forged: Any = {"shared": {"book": "forged", "known": []}}
    await house.client.start_workflow(SHARED, forged, id=workflow_id, task_queue=house.task_queue)

    with pytest.raises(SharingRefusedError, match="not sealed by a key of this worker"):
        await house.ask("cursor/forged", "move", {"to": "mine"}, keys=NO_KEYS)
    assert None is await house.ask("cursor/forged", "read", {})


async def test_what_nobody_knows(house: House) -> None:
    """A kind that this release does not know, a word that it does not know, and data that is none are refused."""
    for of, word, data in (
        ("magic/pages", "take", {}),
        ("budget/pages", "give", {"at_most": 1, "per": 1, "take": 1}),
        ("budget/pages", "take", {"at_most": 1, "per": 1, "take": 2}),
        ("budget/pages", "take", "everything"),
        ("cursor/incidents", "move", {}),
    ):
        with pytest.raises(SharingRefusedError):
            await house.ask(of, word, data)


async def test_nothing_is_kept_for_nothing(house: House) -> None:
    """The workflow of what is at nothing ends by itself; that of a cursor goes on."""
    await house.ask("cursor/unmoved", "read", {})
    await house.ask("cursor/moved", "move", {"to": 1})
    ids = [shared_id(house.task_queue, name) for name in ("cursor/unmoved", "cursor/moved")]
    unmoved, moved = (house.client.get_workflow_handle(workflow_id) for workflow_id in ids)
    await unmoved.result()

    assert WorkflowExecutionStatus.RUNNING == (await moved.describe()).status
    assert 1 == await house.ask("cursor/moved", "read", {})


async def test_data_is_no_expression(house: House) -> None:
    """What a cursor is moved to is data, whatever it looks like: no worker reads a secret for it."""
    looks: Json = {"$secret": "TOKEN", "$$plain": [{"$output": ["x"]}]}
    run = await start_run(house.client, following.plan, task_queue=house.task_queue, input_data=looks, keys=KEYS)

    assert looks == await run.result()
    assert looks == await house.ask("cursor/lost", "read", {})
