"""The budgets and buffers of a task queue that have reached their bounds, as all of its workers see them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.values import JsonObject
from resolute.running.shared.asking import Asking, SharingRefusedError
from resolute.running.shared.reached import MOST_NOTED, NOTE, REACHED
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.workflows.reached import Reached
from resolute.temporal.workflows.shared import shared_id
from resolute_worker.watch.findings import Finding, Kind

log = logging.getLogger(__name__)

_MOST_WAITING: Final = 500
_PATIENCE: Final = 5.0


@dataclass(frozen=True)
class BoundSeen:
    """A bound that was reached lately, and whether it still is."""

    finding: Finding
    is_reached: bool


class Bounds:
    """What the task queue's workers have refused for want of room.

    What this worker refused is written where all of them read it, so that any of them says when it is over: the one
    that refused may be gone by then.

    Args:
        client: a connection to Temporal.
        task_queue: of which it is.
        keys: what is written is sealed with them.
        reached: what this worker has refused.
    """

    def __init__(self, client: Client, task_queue: str, keys: PlanKeys, reached: Reached) -> None:
        self._client = client
        self._task_queue = task_queue
        self._keys = keys
        self._reached = reached
        self._waiting: list[JsonObject] = []
        self._found: list[JsonObject] = []

    async def look(self) -> list[BoundSeen]:
        """Every bound that was reached in the last day. Where no worker answers, what was known before."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._write()
                self._found = await self._read()
        except (RPCError, TimeoutError) as error:
            log.debug("what has reached its bound could not be looked at: %s", error)
        now = datetime.now(UTC).timestamp()
        return [self._seen(each, now) for each in self._found]

    async def _read(self) -> list[JsonObject]:
        kept = self._client.get_workflow_handle(shared_id(self._task_queue, REACHED))
        try:
            if (await kept.describe()).status != WorkflowExecutionStatus.RUNNING:
                return []
            found = cast("JsonObject", await kept.query("status"))
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return []
            raise
        return cast("list[JsonObject]", found["reached"])

    async def _write(self) -> None:
        self._waiting = [*self._waiting, *self._reached.take()][-_MOST_WAITING:]
        while self._waiting:
            letter = self._waiting[:MOST_NOTED]
            asking = Asking(step="", of=REACHED, word=NOTE, data={"reached": list(letter)})
            # A letter that is sent again after a lost answer counts once more: how often is not worth more than that.
            try:
                await ask_shared_once(
                    self._client, self._task_queue, asking, keys=self._keys, asked=f"reached/{uuid.uuid4().hex}"
                )
            except SharingRefusedError as error:
                log.warning("%d bounds that were reached could not be noted: %s", len(letter), error)
            self._waiting = self._waiting[MOST_NOTED:]

    def _seen(self, held: JsonObject, now: float) -> BoundSeen:
        about = f"{held['about']} of task queue {self._task_queue}"
        since = datetime.fromtimestamp(cast("float", held["since"]), UTC)
        said = f"{held['said']}; refused {held['count']} times since {since:%Y-%m-%d %H:%M:%S %Z}"
        finding = Finding(about, cast("Kind", held["kind"]), said, str(held["flow"]))
        return BoundSeen(finding, is_reached=cast("float", held["ends"]) > now)
