"""Starts the flows that are told of failed runs: one run for each failed run, and one for many of them in a storm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ResoluteError
from resolute.plan.failed_runs import FailedRun, FailedRuns
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import Asking, name_of
from resolute.running.shared.failed import ALONE, DONE, FAILED, MOST_SORTED, SORT
from resolute.temporal.client.client import start_run
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.workflows.shared import shared_id
from resolute.writing.flow import Flow
from resolute_worker.serving.seldom import Seldom
from resolute_worker.watch.ended_badly import FOR_A_FAILED_RUN, MOST, Ended, ended_badly, ended_from
from resolute_worker.watch.failed_details import LONGEST_MESSAGE, details_of

log = logging.getLogger(__name__)

EVERY: Final = timedelta(seconds=10)
_MARGIN: Final = 120.0
"""Seconds by which Temporal's list may lag behind."""

_SIGN_OF_LIFE: Final = 24 * 3600.0
"""Seconds after which the cursor moves although nothing has failed, so that it is kept."""

_MOST_DONE: Final = 20_000
_PATIENCE: Final = 120.0


@dataclass
class _Progress:
    """How far one flow has been told, as this worker knows; the truth is kept in Temporal."""

    cursor: float | None = None
    moved: float = 0.0
    next_summary: float | None = None
    done: dict[str, None] = field(default_factory=dict[str, None])


class FailedRunsTeller:
    """Tells the flows of one worker of failed runs.

    Several workers may tell the same flow: what is decided is kept in Temporal, and so are the ids of the runs.

    Args:
        client: a connection to Temporal.
        task_queue: whose runs are told of.
        keys: starts are sealed with them.
        flows: the worker's flows, now.
        mask: hides secrets in a text.
        every: the time between two looks.
    """

    def __init__(
        self,
        client: Client,
        task_queue: str,
        keys: PlanKeys,
        flows: Callable[[], Sequence[Flow]],
        mask: Callable[[str], str],
        *,
        every: timedelta = EVERY,
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._keys = keys
        self._flows = flows
        self._mask = mask
        self._every = every
        self._progress: dict[str, _Progress] = {}
        self._say = Seldom(log)

    async def watch(self) -> None:
        """Looks again and again; never ends."""
        while True:
            await self.look()
            await asyncio.sleep(self._every.total_seconds())

    async def look(self) -> None:
        """Looks once; what cannot be told now is told at a later look."""
        for flow in self._flows():
            for trigger in flow.plan.triggers:
                if isinstance(trigger, FailedRuns):
                    try:
                        async with asyncio.timeout(_PATIENCE):
                            await self._tell(flow, trigger)
                    except (RPCError, ResoluteError, TimeoutError) as error:
                        self._say(
                            logging.WARNING, "failed runs are told of later: %s", type(error).__name__, flow=flow.name
                        )
                        log.debug("failed runs are told of later: %s", error, extra={"flow": flow.name})

    async def _tell(self, flow: Flow, trigger: FailedRuns) -> None:
        progress, now = self._progress.setdefault(flow.name, _Progress()), datetime.now(UTC).timestamp()
        if progress.cursor is None:
            await self._begin(flow.name, progress, now)
        since = datetime.fromtimestamp((progress.cursor or 0.0) - _MARGIN, UTC)
        listed = await ended_badly(self._client, self._task_queue, since, told=flow.name, flows=trigger.flows)
        if len(listed) == MOST:
            self._say(logging.ERROR, "more than %d runs have failed: the oldest are not told of", MOST, flow=flow.name)
        found = [ended for ended in listed if ended.run_id not in progress.done]
        is_due = progress.next_summary is not None and progress.next_summary <= now
        if not found and not is_due:
            if now - progress.moved > _SIGN_OF_LIFE:
                await self._done(flow.name, progress, now, ())
            return
        for first in range(0, max(len(found), 1), MOST_SORTED):
            await self._tell_of(flow, trigger, progress, found[first : first + MOST_SORTED])

    async def _tell_of(self, flow: Flow, trigger: FailedRuns, progress: _Progress, ended: Sequence[Ended]) -> None:
        data: Json = {
            "runs": [each.as_json() for each in ended],
            "at_most": trigger.at_most,
            "per": trigger.per_seconds,
        }
        answer = cast("JsonObject", await self._ask(flow.name, SORT, data))
        decided, due = cast("list[str]", answer["decided"]), cast("list[JsonObject]", answer["due"])
        for each, decision in zip(ended, decided, strict=True):
            if decision == ALONE:
                run = await details_of(self._client, each, self._mask)
                await self._start(flow, f"failed-run/{each.run_id}", run)
        for summary in due:
            run = await self._summary(summary)
            if await self._start(flow, f"failed-runs/{summary['name']}", run):
                text = "%d failed runs are told of in one run: more than %d in %s"
                length = timedelta(seconds=trigger.per_seconds)
                log.warning(text, run.count, trigger.at_most, length, extra={"flow": flow.name})
        progress.next_summary = cast("float | None", answer["next"])
        cursor = max([each.at.timestamp() for each in ended], default=progress.cursor or 0.0)
        await self._done(flow.name, progress, cursor, [str(summary["name"]) for summary in due])
        progress.done |= dict.fromkeys(each.run_id for each in ended)
        while len(progress.done) > _MOST_DONE:
            del progress.done[next(iter(progress.done))]

    async def _start(self, flow: Flow, name: str, run: FailedRun) -> bool:
        """Starts the run; False where that has been done before, by whichever worker."""
        handle = await start_run(
            self._client,
            flow.plan,
            task_queue=self._task_queue,
            input_data=cast("Json", run.model_dump(mode="json")),
            workflow_id=f"{flow.name}/{name}",
            keys=self._keys,
            started_by=f"{FOR_A_FAILED_RUN} {shortened(run.run, 200)}",
        )
        return handle.is_new

    async def _summary(self, summary: JsonObject) -> FailedRun:
        run = await details_of(self._client, ended_from(summary["first"]), self._mask)
        flows = {name: int(cast("int", count)) for name, count in cast("JsonObject", summary["flows"]).items()}
        count = int(cast("int", summary["count"]))
        last = datetime.fromtimestamp(cast("float", summary["last"]), UTC)
        each = ", ".join(f"{name} ({many})" for name, many in sorted(flows.items(), key=lambda pair: -pair[1]))
        said = (
            f"{count} more runs have failed since {run.ended_at:%Y-%m-%d %H:%M:%S %Z}: {each}; the first: {run.message}"
        )
        update = {"count": count, "flows": flows, "ended_at": last, "message": shortened(said, LONGEST_MESSAGE)}
        return run.model_copy(update={**update, "show": "resolute runs --status failed"})

    async def _begin(self, flow: str, progress: _Progress, now: float) -> None:
        """Takes up what another worker left; a flow that is new begins with what fails from now on."""
        kept = self._client.get_workflow_handle(shared_id(self._task_queue, _book(flow)))
        try:
            if (await kept.describe()).status == WorkflowExecutionStatus.RUNNING:
                state = cast("JsonObject", await kept.query("status", rpc_timeout=timedelta(seconds=10)))
                if state["cursor"] is not None:
                    progress.cursor = cast("float", state["cursor"])
                    summaries = cast("dict[str, JsonObject]", state["summaries"]).values()
                    progress.next_summary = min((cast("float", each["ends"]) for each in summaries), default=None)
                    return
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
        await self._done(flow, progress, now + _MARGIN, ())

    async def _done(self, flow: str, progress: _Progress, cursor: float, summaries: Sequence[str]) -> None:
        await self._ask(flow, DONE, {"cursor": cursor, "summaries": list(summaries)})
        progress.cursor, progress.moved = max(progress.cursor or 0.0, cursor), datetime.now(UTC).timestamp()

    async def _ask(self, flow: str, word: str, data: Json) -> Json:
        asking = Asking(step="", of=_book(flow), word=word, data=data)
        return await ask_shared_once(self._client, self._task_queue, asking, keys=self._keys)


def _book(flow: str) -> str:
    return name_of(FAILED, flow)
