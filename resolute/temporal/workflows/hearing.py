"""What a run hears: messages of people and of other runs, from its first task to its end."""

from __future__ import annotations

from typing import Any, Final, cast

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from resolute.plan.values import Json
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.temporal.wire.messages import message_of, open_letter
from resolute.temporal.workflows.at_hand import keys_at_hand, tell_reached
from resolute.temporal.workflows.reached import Bound

LONGEST_MARK: Final = 200
"""Characters of a message's id that stand in the mark of one that was refused."""

REFUSED: Final = "resolute.refused"
"""The mark in the history of a run for what was not believed: its plan, or a message that was told to it."""


class Hearing:
    """The messages of one run, which are kept until its plan is known and are then its interpreter's."""

    def __init__(self) -> None:
        self.interpreter: Interpreter | None = None
        self._early: list[Message] = []

    def begin(self, interpreter: Interpreter) -> None:
        """From now on this interpreter takes what is said; what was said before it was there comes first."""
        self.interpreter = interpreter
        early, self._early = self._early, []
        for message in early:
            try:
                interpreter.take(message)
            except MessageRefusedError as error:
                _tell_if_full(error)
                workflow.logger.warning("a message was refused: %s", error)

    def check(self, given: Json) -> None:
        """Refuses what could not be taken.

        Raises:
            ApplicationError: it is no message for this run, is not sealed, or nobody listens for it.
        """
        try:
            message = _opened(given)
            if self.interpreter is not None:
                self.interpreter.check(message)
        except MessageRefusedError as error:
            _tell_if_full(error)
            raise _refused(error) from None

    async def ask(self, given: Json) -> Json:
        """Takes a message that `check` let through, and gives the answer.

        Raises:
            ApplicationError: nobody listens for it any more.
        """
        try:
            message = message_of(given)
            await workflow.wait_condition(lambda: self.interpreter is not None and self.interpreter.is_ready(message))
            return cast("Interpreter", self.interpreter).take(message)
        except MessageRefusedError as error:
            raise _refused(error) from None

    def tell(self, given: Json) -> None:
        """Takes a message whose sender waits for no answer; what is refused is a line in the log."""
        try:
            message = _believed(given)
            if message is None:
                return
            if self.interpreter is None:
                self._early.append(message)
            else:
                _taken(self.interpreter, message)
        except MessageRefusedError as error:
            _tell_if_full(error)
            workflow.logger.warning("a message was refused: %s", error)


def _opened(given: Json) -> Message:
    info = workflow.info()
    return open_letter(given, info.workflow_type, info.workflow_id, info.first_execution_run_id, keys_at_hand())


def _believed(given: Json) -> Message | None:
    """The message of a signal, if it is believed: decided when it comes, and the same in every replay."""
    message = message_of(given)
    try:
        _opened(given)
    except MessageRefusedError as error:
        if workflow.patched(f"{REFUSED}:{message.id[:LONGEST_MARK]}"):
            workflow.logger.warning("a message was refused: %s", error)
            return None
    return message


def _taken(interpreter: Interpreter, message: Message) -> None:
    try:
        interpreter.take(message)
    except MessageRefusedError as error:
        if error.why != "moving":
            raise
        interpreter.put_by(message)  # a signal cannot be sent again by who does not hear that it was refused


def _tell_if_full(error: MessageRefusedError) -> None:
    if error.why == "full":
        info = workflow.info()
        said = f"run {info.workflow_id} refuses events: it keeps as many as it may that no step has waited for"
        about = f"events of {info.workflow_type}"
        tell_reached(Bound(about=about, kind="full", said=said, flow=info.workflow_type))


def _refused(error: MessageRefusedError) -> ApplicationError:
    facts: Any = error.facts()
    return ApplicationError(str(error), facts, type=type(error).__name__, non_retryable=True)
