"""Records the histories anew: `python -m tests.replay.record`.

Needed when the flows here change, or when the interpreter's version does. A history of an older interpreter version is
never recorded over: runs in flight may be of that version.
"""

import asyncio
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.errors import FlowError
from resolute.plan.plan import INTERPRETER
from resolute.plan.triggers import Schedule
from resolute.temporal.activities import Activities
from resolute.temporal.client import start_run
from resolute.temporal.schedule_change import Release
from resolute.temporal.schedule_control import trigger_schedule
from resolute.temporal.schedule_spec import ScheduledFlow
from resolute.temporal.schedules import deploy_schedules
from resolute.temporal.start import start_argument
from resolute.temporal.worker import temporal_worker
from tests.keys import KEYS
from tests.replay.flows import ENVIRONMENT, FLOWS, begun, cancelled, everything, remembering

HISTORIES = Path(__file__).parent / "histories"
QUEUE = "recording"


async def record() -> None:
    """Runs every flow on a real server and keeps what it recorded."""
    binary = Path(sys.executable).with_name("temporal")
    server = await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        dev_server_existing_path=str(binary)
    )
    async with server as environment:
        client = environment.client
        executor = NodeExecutor.for_flows(FLOWS, environment=Environment(ENVIRONMENT))
        async with temporal_worker(client, Activities(FLOWS, executor, KEYS), task_queue=QUEUE):
            for flow in FLOWS:
                run = await start_run(client, flow.plan, task_queue=QUEUE, keys=KEYS)
                if flow is cancelled:
                    await begun.wait()
                    await run.handle.cancel()
                try:
                    await run.result()
                except FlowError as error:
                    sys.stdout.write(f"{flow.name}: {error}\n")
                await _keep(flow.name, run.handle)
            other = await client.start_workflow(everything.name, id="other-client", task_queue=QUEUE)
            await other.result()
            await _keep("everything-without-a-plan", other)
            await _keep("remembering-again", await _second_scheduled_run(client))


async def _second_scheduled_run(client: Client) -> WorkflowHandle[object, object]:
    (trigger,) = remembering.plan.triggers
    if not isinstance(trigger, Schedule):
        raise TypeError("the flow has a schedule")
    argument = start_argument(remembering.plan, keys=KEYS)
    scheduled = ScheduledFlow(name=remembering.name, schedule=trigger, start_argument=argument)
    release = Release(task_queue=QUEUE, worker_set="recording", released=datetime.now(UTC), by=None)
    await deploy_schedules(client, [scheduled], release)
    first = await trigger_schedule(client, remembering.name)
    await client.get_workflow_handle(first.workflow_id, run_id=first.run_id).result()
    second = await trigger_schedule(client, remembering.name)
    handle: WorkflowHandle[object, object] = client.get_workflow_handle(second.workflow_id, run_id=second.run_id)
    await handle.result()
    return handle


async def _keep(name: str, handle: WorkflowHandle[object, object]) -> None:
    history = await handle.fetch_history()
    path = HISTORIES / f"v{INTERPRETER}-{name}.json"
    path.write_text(_anonymous(history.to_json()) + "\n")
    sys.stdout.write(f"{path.name}: {len(history.events)} events\n")


def _anonymous(history: str) -> str:
    """Without stack traces and host names: they speak of the machine that recorded, and a replay does not read them."""
    history = re.sub(r'("stackTrace": )"(?:[^"\\]|\\.)*"', r'\1""', history)
    return re.sub(r'"\d+@[^":]+', '"worker', history)


if __name__ == "__main__":
    asyncio.run(record())
