"""Mutes flows and alarms of a task queue, as a client of Temporal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio.client import Client

from resolute.plan.values import Json, JsonObject
from resolute.running.shared.asking import Asking
from resolute.running.shared.mutes import LIST, MUTE, MUTES, UNMUTE
from resolute.temporal.client.sharing import ask_shared_once
from resolute.temporal.trust.seals import PlanKeys


@dataclass(frozen=True)
class Muting:
    """Mutes of one task queue; a worker of it answers."""

    client: Client
    task_queue: str
    keys: PlanKeys

    async def mute(self, name: str, length: timedelta, *, reason: str, by: str) -> JsonObject:
        """Mutes a flow or an alarm for a time, in place of an earlier mute of it.

        Raises:
            SharingRefusedError: it is for too long, or there are too many.
            temporalio.service.RPCError: no worker answered in time.
        """
        data: Json = {"name": name, "for": length.total_seconds(), "reason": reason, "by": by}
        return cast("JsonObject", await self._ask(MUTE, data))

    async def unmute(self, name: str) -> JsonObject | None:
        """Ends a mute; None where there was none."""
        return cast("JsonObject | None", await self._ask(UNMUTE, {"name": name}))

    async def mutes(self) -> list[JsonObject]:
        """The mutes that have not expired."""
        return cast("list[JsonObject]", await self._ask(LIST, {}))

    async def _ask(self, word: str, data: Json) -> Json:
        asking = Asking(step="", of=MUTES, word=word, data=data)
        return await ask_shared_once(self.client, self.task_queue, asking, keys=self.keys)
