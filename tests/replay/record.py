"""Records the histories anew: `python -m tests.replay.record`.

Needed when the flows here change, or when the interpreter's version does. A history of an older interpreter version is
never recorded over: runs in flight may be of that version.
"""

import asyncio
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.beats import Heartbeat
from resolute.plan.errors import FlowError
from resolute.plan.keyed import Keyed
from resolute.plan.plan import INTERPRETER
from resolute.plan.triggers import Schedule
from resolute.running.beats import Terms
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.beating import tell_heartbeat
from resolute.temporal.client.client import RunHandle, start_run
from resolute.temporal.client.rerun import prepare_rerun, start_rerun
from resolute.temporal.schedules.change import Release
from resolute.temporal.schedules.control import trigger_schedule
from resolute.temporal.schedules.schedules import deploy_schedules
from resolute.temporal.schedules.spec import ScheduledFlow
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.start import start_argument
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.beats import BEAT, ENDED, EXPECT, REMOVE, heartbeat_id
from resolute.temporal.workflows.keeper import LINE
from tests.keys import KEYS
from tests.replay import kinds
from tests.replay.flows import ENVIRONMENT, FLOWS, begun, cancelled, everything, remembering

HISTORIES = Path(__file__).parent / "histories"
QUEUE = "recording"


async def record() -> None:
    """Runs every flow on a real server and keeps what it recorded."""
    async with await _server() as environment:
        client = environment.client
        executor = NodeExecutor.for_flows(FLOWS, environment=Environment(ENVIRONMENT))
        async with temporal_worker(client, Activities(FLOWS, executor, KEYS), task_queue=QUEUE):
            for flow in FLOWS:
                run = await start_run(client, flow.plan, task_queue=QUEUE, keys=KEYS)
                if flow is cancelled:
                    await begun.wait()
                    await run.handle.cancel()
                await _ended(run)
                await _keep(flow.name, run.handle)
            other = await client.start_workflow(everything.name, id="other-client", task_queue=QUEUE)
            await other.result()
            await _keep("everything-without-a-plan", other)
            await _keep("remembering-again", await _second_scheduled_run(client))


async def record_kinds() -> None:
    """Runs a flow of every kind of step, and what a run can become: continued, queued behind another, taken up."""
    async with _working() as client:
        for scene in kinds.SCENES:
            run = await start_run(client, scene.flow.plan, task_queue=QUEUE, keys=KEYS)
            await scene.play(client, run)
            await _ended(run)
            await _keep(scene.flow.name, run.handle)
        await _record_queued(client)
        await _record_taken_up(client)
    async with _working("limit.historyCount.suggestContinueAsNew=20") as client:
        await _record_continued(client)


@asynccontextmanager
async def _working(*settings: str) -> AsyncGenerator[Client]:
    async with await _server(*settings) as environment:
        flows = list(kinds.FLOWS.values())
        activities = Activities(flows, NodeExecutor.for_flows(flows), KEYS)
        async with temporal_worker(environment.client, activities, task_queue=QUEUE):
            yield environment.client


async def _record_continued(client: Client) -> None:
    run = await start_run(client, kinds.CONTINUED.plan, task_queue=QUEUE, keys=KEYS)
    await _ended(run)
    await _keep_parts(kinds.CONTINUED.name, client, run.workflow_id, run.handle.first_execution_run_id)


async def _record_queued(client: Client) -> None:
    """Two starts of a key, of which the second is handed in by a run that another client has started."""
    given = {"version": 1}
    runs = [await start_run(client, kinds.ALONE.plan, task_queue=QUEUE, keys=KEYS, input_data=given) for _ in range(2)]
    for number, run in enumerate(runs, 1):
        await _ended(run)
        await _keep(f"{kinds.ALONE.name}-handed-in-{number}", run.handle)
    line = client.get_workflow_handle(f"{LINE}/{Keyed(key=('version',)).run_id(kinds.ALONE.name, given)}")
    await _keep("line", line)


async def record_heartbeats() -> None:
    """A heartbeat that is missed, looked after, heard again and removed; and one whose history is continued."""
    built = kinds.BEATEN
    trigger = next(each for each in built.plan.triggers if isinstance(each, Heartbeat))
    terms = Terms.of(trigger, released=datetime.now(UTC), worker_set="recording")
    for name, settings in (("heartbeat", ()), ("heartbeat-long", ("limit.historyCount.suggestContinueAsNew=20",))):
        async with await _server(*settings) as environment:
            client = environment.client
            activities = Activities([built], NodeExecutor.for_flows([built]), KEYS)
            async with temporal_worker(client, activities, task_queue=QUEUE):

                async def tell(word: str, client: Client = client) -> None:
                    await tell_heartbeat(client, built.name, trigger.path, word, terms, task_queue=QUEUE, keys=KEYS)

                await tell(EXPECT)
                handle = client.get_workflow_handle(heartbeat_id(built.name, trigger.path))
                begun = (await handle.describe()).run_id
                if name == "heartbeat":
                    await tell(BEAT)
                    await _scheduled(handle, ENDED)
                for _ in range(3 if name == "heartbeat" else 12):
                    await tell(BEAT)
                await tell(REMOVE)
                await handle.result()
                await _keep_parts(name, client, handle.id, begun)


async def _scheduled(handle: WorkflowHandle[object, object], activity: str) -> None:
    """Waits until an activity has been asked for."""
    while True:
        events = (await handle.fetch_history()).events
        if activity in [event.activity_task_scheduled_event_attributes.activity_type.name for event in events]:
            return
        await asyncio.sleep(1)


async def _keep_parts(name: str, client: Client, workflow_id: str, part: str | None) -> None:
    """Keeps a history, and those that it was continued in."""
    number = 0
    while part:
        handle: WorkflowHandle[object, object] = client.get_workflow_handle(workflow_id, run_id=part)
        number += 1
        await _keep(f"{name}-{number}", handle)
        *_, last = (await handle.fetch_history()).events
        part = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id


async def _record_taken_up(client: Client) -> None:
    run = await start_run(client, kinds.TAKEN_UP.plan, task_queue=QUEUE, keys=KEYS)
    await _ended(run)
    rerun = await prepare_rerun(client, RunKey(run.workflow_id, run.run_id or ""))
    again = await start_rerun(client, rerun, keys=KEYS, input_data=None)
    await _ended(again)
    await _keep(kinds.TAKEN_UP.name, again.handle)


async def _ended(run: RunHandle) -> None:
    try:
        await run.result()
    except FlowError as error:
        sys.stdout.write(f"{run.workflow_id.partition('/')[0]}: {error}\n")


async def _server(*settings: str) -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=[part for each in settings for part in ("--dynamic-config-value", each)],
    )


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
    asyncio.run(record_kinds())
    asyncio.run(record_heartbeats())
