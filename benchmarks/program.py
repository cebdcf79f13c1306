"""One way to run the three tiny nodes on Temporal, in a process of its own that takes orders; see `peers.orders`.

`events` is answered with the number of events in the history of one run. Each way is run as its users run it: flows
with the event loop and the garbage collector that `resolute worker` sets up, workflows by hand as Temporal's
documentation starts them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from benchmarks.peers.orders import Way, take_orders
from benchmarks.subject import HandWritten, hand_written_worker, three_nodes
from resolute.execution.executor import NodeExecutor
from resolute.temporal.activities.activities import Activities
from resolute.temporal.activities.loops import NodeLoops
from resolute.temporal.client.client import start_run
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.worker import temporal_worker
from resolute_worker.life import collect_in_small_steps, quick_loop

KEYS: Final = PlanKeys((SecretStr("a-key-of-the-benchmark-and-of-nothing-else"),))
LANES: Final = ("local", "activity")
BY_HAND: Final = ("hand", "sandboxed", "hand-quick")
"""By hand; with the SDK's sandbox, which is its default; and with the event loop and collector of `resolute worker`."""

Start = Callable[[], Awaitable[WorkflowHandle[Any, Any]]]


async def run(name: str, address: str) -> None:
    """Takes orders until there are no more."""
    async with AsyncExitStack() as stack:
        client = await Client.connect(address)
        start = await (_ours if name in LANES else _by_hand)(stack, client, name)
        if name in LANES or name == "hand-quick":
            collect_in_small_steps()

        async def once() -> None:
            await (await start()).result()

        async def events() -> int:
            handle = await start()
            await handle.result()
            return len((await handle.fetch_history()).events)

        await take_orders(Way(once), {"events": events})


async def _ours(stack: AsyncExitStack, client: Client, lane: str) -> Start:
    flow = three_nodes("local" if lane == "local" else "activity")
    loops = await stack.enter_async_context(NodeLoops())
    activities = Activities([flow], NodeExecutor.for_flows([flow]), KEYS, loops=loops)
    await stack.enter_async_context(temporal_worker(client, activities, task_queue=lane))

    async def start() -> WorkflowHandle[Any, Any]:
        return (await start_run(client, flow.plan, task_queue=lane, eager=lane == "local", keys=KEYS)).handle

    return start


async def _by_hand(stack: AsyncExitStack, client: Client, name: str) -> Start:
    await stack.enter_async_context(hand_written_worker(client, name, sandboxed=name == "sandboxed"))

    async def start() -> WorkflowHandle[Any, Any]:
        given = {"service": "checkout"}
        return await client.start_workflow(HandWritten.run, given, id=uuid.uuid4().hex, task_queue=name)

    return start


if __name__ == "__main__":
    quick = sys.argv[1] in LANES or sys.argv[1] == "hand-quick"
    with asyncio.Runner(loop_factory=quick_loop if quick else None) as runner:
        runner.run(run(sys.argv[1], sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # threads of the Temporal SDK may crash an interpreter that is going down
