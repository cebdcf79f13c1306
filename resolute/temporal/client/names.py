"""What a name can mean that a person types: a flow, or an alarm of one, as Temporal has them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from temporalio.client import Client

from resolute.plan.errors import ResoluteError
from resolute.plan.plan import Plan
from resolute.plan.step import walk
from resolute.temporal.history.runs import describe_run, list_runs
from resolute.temporal.schedules.control import list_schedules

_LATEST: Final = 500
"""Runs among which flows without a schedule are looked for."""

_MOST: Final = 100
"""Flows whose latest run is read for the names of its alarms."""


def names_in(plan: Plan) -> list[str]:
    """The flow, its alarms, and each of them as FLOW/ALARM."""
    alarms = [step.id for step in walk(plan.steps) if step.remembers]
    return [plan.name, *alarms, *(f"{plan.name}/{alarm}" for alarm in alarms)]


async def known_names(client: Client, task_queue: str) -> list[str]:
    """The names of the flows that are deployed for a task queue or have run there lately, and of their alarms.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    scheduled = [each.flow for each in await list_schedules(client) if each.task_queue in (task_queue, None)]
    latest = {run.flow: run for run in reversed(await list_runs(client, task_queue=task_queue, limit=_LATEST))}

    async def of_run(flow: str) -> Iterable[str]:
        with suppress(ResoluteError):  # a run that nobody can read any more names its flow
            described = await describe_run(client, latest[flow].workflow_id, latest[flow].run_id)
            if described.plan is not None:
                return names_in(described.plan)
        return [flow]

    read = await asyncio.gather(*(of_run(flow) for flow in list(latest)[-_MOST:]))
    return list(dict.fromkeys([*scheduled, *latest, *(name for names in read for name in names)]))
