"""Hands starts with a key in, as a client of Temporal."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from temporalio.client import Client

from resolute.plan.errors import PayloadTooLargeError
from resolute.plan.limits import PAYLOAD_LIMIT, recorded_size
from resolute.plan.values import JsonObject
from resolute.running.line import Became, LineFullError, Start
from resolute.running.messages import Message
from resolute.temporal.entities import ask_entity
from resolute.temporal.keeper import HAND_IN, LINE
from resolute.temporal.messages import sealed
from resolute.temporal.seals import PlanKeys


@dataclass(frozen=True)
class HandedIn:
    """What became of a start: whether it had come before, and how many wait for the run in progress."""

    run: str
    became: Became
    again: bool = False
    waiting: int = 0

    def as_json(self) -> JsonObject:
        """As plain data."""
        return {"run": self.run, "became": self.became, "again": self.again, "waiting": self.waiting}


async def hand_in(
    client: Client,
    flow: str,
    run: str,
    start: Start,
    *,
    task_queue: str,
    keys: PlanKeys,
    patience: timedelta | None = None,
) -> HandedIn:
    """Hands a start in to the line of its flow and key, and says what became of it. Handing it in again is safe.

    `run` is the workflow id of the runs with the key, `patience` how long Temporal and the worker may take.

    Raises:
        LineFullError: too many starts wait.
        MessageRefusedError: the worker does not believe the start.
        PayloadTooLargeError: it is larger than Temporal accepts.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    line = f"{LINE}/{run}"
    message = Message(to="line:" + run, word=start.while_running, id=start.id, data=start.as_json(), by=start.by)
    letter = sealed(message, LINE, line, keys).as_json()
    if (size := recorded_size(letter)) > PAYLOAD_LIMIT:
        raise PayloadTooLargeError(what=f"plan and input of flow {flow!r}", size=size, limit=PAYLOAD_LIMIT)
    answer = await ask_entity(
        client,
        LINE,
        line,
        update=HAND_IN,
        update_id=uuid.uuid4().hex,  # not the start's: Temporal would give the first answer, and nobody would know it
        letter=letter,
        task_queue=task_queue,
        patience=patience,
        refusals=(LineFullError,),
    )
    return _handed_in(run, cast("JsonObject", answer))


def _handed_in(run: str, answer: JsonObject) -> HandedIn:
    became, waiting = cast("Became", answer["became"]), cast("int", answer["waiting"])
    return HandedIn(run, became, again=answer["again"] is True, waiting=waiting)
