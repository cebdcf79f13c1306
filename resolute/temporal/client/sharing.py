"""Asks what the runs of a task queue share: as an activity of a run, or as a client of Temporal."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast

from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.allowance import Allowance
from resolute.plan.limits import recorded_size
from resolute.plan.values import Json, JsonObject, digest
from resolute.running.evaluate import Scope, evaluate
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.shared.asking import Asking, SharingRefusedError
from resolute.running.shared.budgets import TAKE
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.entities import ask_entity
from resolute.temporal.wire.messages import sealed
from resolute.temporal.workflows.meters import Meters
from resolute.temporal.workflows.reached import Bound, Reached
from resolute.temporal.workflows.shared import ANSWER, MOST_ASKED, SHARED, shared_id

_PATIENCE: Final = timedelta(seconds=10)

_LARGEST: Final = 500_000
"""Bytes of the questions in one letter, beyond the first one."""


@dataclass(frozen=True)
class Question:
    """A question on its way. What asks it is known by its id, and counts once."""

    id: str
    word: str
    data: Json

    def as_json(self) -> Json:
        """As it is sent."""
        return [self.id, self.word, self.data]


class Post:
    """Carries the questions of one worker: one letter at a time to each thing that is asked, with all that wait.

    Temporal takes ten updates of a workflow at once, and drops those that it has where more come.
    """

    def __init__(self, keys: PlanKeys, reached: Reached, meters: Meters | None = None) -> None:
        self._keys = keys
        self._meters = meters or Meters()
        self._reached = reached
        self._waiting: dict[str, list[tuple[Question, asyncio.Future[Json]]]] = {}
        self._rounds: dict[str, asyncio.Task[None]] = {}

    async def ask(self, client: Client, task_queue: str, run: str, step: str, arguments: JsonObject) -> Json:
        """Answers a question of a run, whose first run id and step say which one it is.

        Raises:
            SharingRefusedError: it was refused.
            temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
        """
        given = cast("JsonObject", evaluate(arguments, Scope()))
        of, answer = str(given["of"]), asyncio.get_running_loop().create_future()
        name = shared_id(task_queue, of)
        self._waiting.setdefault(name, []).append(
            (Question(f"{run}/{step}", str(given["word"]), given["data"]), answer)
        )
        if name not in self._rounds:
            self._rounds[name] = asyncio.create_task(self._go(name, client, task_queue, of))
        return await answer

    async def _go(self, name: str, client: Client, task_queue: str, of: str) -> None:
        waiting = self._waiting[name]
        try:
            while waiting:
                letter = _letter(waiting)
                await self._deliver(letter, client, task_queue, of)
        finally:
            del self._waiting[name], self._rounds[name]

    def _note(self, budget: str, allowance: Allowance) -> None:
        """Notes what a budget has left, and where it had nothing to grant."""
        name, _, key = budget.partition("/key/")
        if not key:
            self._meters.set("resolute_budget_left", allowance.left, budget=name)
        if not allowance.granted:
            whose = f" for {key}" if key else ""
            said = f"budget {name}{whose} is used up until {allowance.until:%Y-%m-%d %H:%M:%S %Z}"
            until = allowance.until.timestamp()
            self._reached.note(Bound(about=f"budget {name}", kind="used_up", said=said, until=until))

    async def _deliver(
        self, letter: list[tuple[Question, asyncio.Future[Json]]], client: Client, task_queue: str, of: str
    ) -> None:
        try:
            answers = await ask_shared(client, task_queue, of, [asked for asked, _ in letter], keys=self._keys)
        except (RPCError, SharingRefusedError) as error:
            answers = [error] * len(letter)
        for (asked, waits), answer in zip(letter, answers, strict=True):
            allowance = _allowance(of, asked.word, answer)
            if allowance is not None:
                self._note(of.partition("/")[2], allowance)
            if waits.done():
                continue
            if isinstance(answer, Exception):
                waits.set_exception(answer)
            else:
                waits.set_result(answer)


def _allowance(of: str, word: str, answer: object) -> Allowance | None:
    """What a budget has answered; None where something else was asked."""
    if not of.startswith("budget/") or word != TAKE or not isinstance(answer, Mapping):
        return None
    return Allowance.model_validate(answer)


def _letter(waiting: list[tuple[Question, asyncio.Future[Json]]]) -> list[tuple[Question, asyncio.Future[Json]]]:
    """Takes what goes into the next letter from what waits."""
    letter: list[tuple[Question, asyncio.Future[Json]]] = []
    size = 0
    while waiting and len(letter) < MOST_ASKED:
        size += recorded_size(waiting[0][0].data)
        if letter and size > _LARGEST:
            break
        letter.append(waiting.pop(0))
    return letter


async def ask_shared(
    client: Client, task_queue: str, of: str, questions: Sequence[Question], *, keys: PlanKeys, by: str = ""
) -> list[Json | SharingRefusedError]:
    """Asks one thing that is shared, and gives the answer to each question, or why that was refused.

    Raises:
        SharingRefusedError: the letter was refused as a whole.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    workflow_id, data = shared_id(task_queue, of), [asked.as_json() for asked in questions]
    letter_id = digest([asked.id for asked in questions])
    message = Message(to=of, word="ask", id=letter_id, data=data, by=by)
    try:
        answers: object = await ask_entity(
            client,
            SHARED,
            workflow_id,
            update=ANSWER,
            update_id=letter_id,
            letter=sealed(message, SHARED, workflow_id, keys).as_json(),
            task_queue=task_queue,
            patience=_PATIENCE,
        )
    except MessageRefusedError as error:
        raise SharingRefusedError(str(error)) from None
    return [_answer(each) for each in cast("list[JsonObject]", answers)]


async def ask_shared_once(
    client: Client, task_queue: str, asking: Asking, *, keys: PlanKeys, by: str = "", asked: str = ""
) -> Json:
    """Asks one question as a client of Temporal, such as a command; `asked` is its id, by which it counts once.

    Raises:
        SharingRefusedError: it was refused.
        temporalio.service.RPCError: Temporal refused, or did not answer; or no worker did.
    """
    question = Question(asked or uuid.uuid4().hex, asking.word, asking.data)
    (answer,) = await ask_shared(client, task_queue, asking.of, [question], keys=keys, by=by)
    if isinstance(answer, SharingRefusedError):
        raise answer
    return answer


def _answer(said: JsonObject) -> Json | SharingRefusedError:
    return SharingRefusedError(str(said["refused"])) if "refused" in said else said["answer"]
