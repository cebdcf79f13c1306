"""Messages to runs on Temporal: an update, which is answered, or a signal where nobody waits for the answer.

With keys, a run takes only messages that are sealed by one of them. A seal is for one run: for its flow, its workflow
id and, unless it is sent to whatever run has the id, its first run id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any, Final, cast

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ConfigurationError
from resolute.plan.values import Json
from resolute.running.messages import Message, MessageRefusedError, message_from
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.updates import PATIENCE, UnansweredError, answered

ASK: Final = "resolute.ask"
"""The update by which a run is sent a message, and answers."""

TELL: Final = "resolute.tell"
"""The signal by which a run is sent a message."""


class NotListeningError(ConfigurationError):
    """A run has ended, or is none of Resolute's, so that it takes no message."""


class NoAnswerYetError(ConfigurationError):
    """A run has not answered in time: no worker has taken the message up, or its workflow tasks fail."""


@dataclass(frozen=True)
class Letter:
    """A message on its way: for which run it is, and its seal."""

    message: Message
    run: str | None
    seal: Json

    def as_json(self) -> Json:
        """As it is sent."""
        return {"message": self.message.as_json(), "run": self.run, "seal": self.seal}


def sealed(message: Message, flow: str, workflow_id: str, keys: PlanKeys, run: str | None = None) -> Letter:
    """A message for a run, sealed where there are keys. `run` is the first run id; None for whatever run has the id."""
    return Letter(message, run, keys.seal("message", flow, workflow_id, run, message.as_json()))


def open_letter(data: Json, flow: str, workflow_id: str, first_run_id: str, keys: PlanKeys) -> Message:
    """The message in what was sent to a run.

    Raises:
        MessageRefusedError: it is no message, is for another run, or is not sealed though the worker has keys.
    """
    message, run, seal = _parts(data)
    if run is not None and run != first_run_id:
        raise MessageRefusedError("the message is for an earlier run of this workflow id, which has ended")
    if keys and not keys.verifies(seal, "message", flow, workflow_id, run, message.as_json()):
        raise MessageRefusedError(
            "the message is not sealed by a key of this worker: send it with `resolute` and the same RESOLUTE_PLAN_KEYS"
        )
    return message


def message_of(data: Json) -> Message:
    """The message in what was sent, whoever sent it.

    Raises:
        MessageRefusedError: it is no message.
    """
    return _parts(data)[0]


def _parts(data: Json) -> tuple[Message, str | None, Json]:
    if not isinstance(data, Mapping) or "message" not in data:
        return message_from(data), None, None
    run = data.get("run")
    return message_from(data["message"]), str(run) if run is not None else None, data.get("seal")


async def ask_run(
    client: Client, key: RunKey, message: Message, keys: PlanKeys, *, patience: timedelta = PATIENCE
) -> Json:
    """Sends a run a message and gives its answer. A run that cannot take it at the moment is sent it again.

    Raises:
        MessageRefusedError: the run does not take it; says why.
        NotListeningError: the run has ended.
        NoAnswerYetError: the run has not answered within `patience`.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    description = await client.get_workflow_handle(key.workflow_id, run_id=key.run_id).describe()
    first = description.raw_description.workflow_execution_info.first_run_id or key.run_id
    letter = sealed(message, description.workflow_type, key.workflow_id, keys, first)
    # Without a run id: a run that has moved to another history since is asked there.
    handle = client.get_workflow_handle(key.workflow_id, first_execution_run_id=first)

    update_ids = (f"{message.id}/{number}" if number else message.id for number in count())
    update_id = next(update_ids)

    async def send() -> Json:
        nonlocal update_id
        try:
            answer: object = await handle.execute_update(ASK, letter.as_json(), id=update_id)  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
            return cast("Json", answer)
        except WorkflowUpdateFailedError as error:
            # Temporal gives the answer to an id again, where it has accepted it. A run takes a message once by its own.
            update_id = next(update_ids)
            raise _refusal(error.cause) from None

    try:
        return await answered(send, f"message {message.id} to run {key.workflow_id}", patience=patience)
    except UnansweredError as error:
        raise _unanswered(key, error) from None
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NotListeningError(f"run {key.workflow_id} has ended, and takes no message any more") from None
        raise


def _refusal(cause: Any) -> MessageRefusedError:
    if not isinstance(cause, ApplicationError):
        return MessageRefusedError(str(cause))
    facts: Any = cause.details[0] if cause.details else {}
    fields = tuple((str(place), str(said)) for place, said in facts.get("fields", ()))
    return MessageRefusedError(cause.message, why=str(facts.get("why", "")), fields=fields)


def _unanswered(key: RunKey, error: UnansweredError) -> Exception:
    last = error.last
    if isinstance(last, MessageRefusedError) or (last and last.status != RPCStatusCode.FAILED_PRECONDITION):
        return last
    why = f" (Temporal says: {last.message})" if last else ""
    do = "see the log of its worker" if last else "start a worker (`resolute worker`)"
    return NoAnswerYetError(
        f"run {key.workflow_id} has not answered within {error.patience.total_seconds():g} s{why}: {do} and "
        f"`resolute show {key.workflow_id}`; the message may still be taken"
    )


async def tell_run(client: Client, flow: str, workflow_id: str, message: Message, keys: PlanKeys) -> None:
    """Sends whatever run has the workflow id a message, and does not wait until it has been taken.

    Raises:
        NotListeningError: no run has the id.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    letter = sealed(message, flow, workflow_id, keys)
    try:
        await client.get_workflow_handle(workflow_id).signal(TELL, letter.as_json())
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NotListeningError(f"no run {workflow_id} is at work, so that nobody takes the message") from None
        raise
