"""The workflow that keeps one thing that runs share: a budget, a cursor, what runs remember.

Questions come as an update, which is answered at once. It goes on for as long as there is something to keep.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, cast

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from resolute.plan.language import escape
from resolute.plan.values import Json, JsonObject
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.runtime import CallRequest
from resolute.running.shared.asking import PATIENCE, SHARE, Asking, SharingRefusedError
from resolute.running.shared.shared import Shared
from resolute.temporal.wire.messages import message_of, open_letter
from resolute.temporal.workflows.at_hand import history_is_full, keys_at_hand

SHARED: Final = "resolute.Shared"
"""The workflow type, which is no flow's."""

ANSWER: Final = "resolute.answer"
"""The update by which it is asked."""

MOST_ASKED: Final = 100
"""Questions in one letter."""

_A_MOMENT: Final = 1.0
"""Seconds for which it goes on at least, so that whoever asked first is answered."""


@workflow.defn(name=SHARED)
class SharedWorkflow:
    """Keeps one thing, whose name is in the workflow's id: nobody can turn it into another one."""

    @workflow.init
    def __init__(self, given: Any) -> None:
        self._answered = 0
        self._shared = Shared(shared_name(workflow.info()))
        # Whoever starts it gives it no state: that comes from its own earlier histories alone.
        if workflow.info().continued_run_id:
            self._shared.restore(cast("JsonObject", given)["shared"])

    @workflow.run
    async def run(self, given: Any) -> None:
        """Goes on until nothing is to be kept."""
        del given  # read when the workflow was made
        has_waited = False
        while True:
            length = self._shared.ends_in(workflow.now())
            if length == 0.0 and has_waited:
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            timeout = None if length is None else timedelta(seconds=max(length, _A_MOMENT))
            try:
                await workflow.wait_condition(self._is_full, timeout=timeout)
            except TimeoutError:
                has_waited = True
                continue
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new({"shared": self._shared.as_json()})

    @workflow.update(name=ANSWER, description="Answers questions of runs; one that is asked twice counts once.")
    def answer(self, given: Any) -> Any:
        """Gives the answer to each question, or why it is refused."""
        answers = [self._answer(*asked) for asked in _questions(message_of(given))]
        self._answered += len(answers)
        if forgotten := self._shared.forgotten():
            about = workflow.info().workflow_id
            workflow.logger.warning("%d answers of %s are forgotten: more are asked than are kept", forgotten, about)
        return answers

    @answer.validator
    def check_answer(self, given: Any) -> None:
        """Refuses what is not sealed, or holds no questions; nothing of it is recorded then."""
        info = workflow.info()
        try:
            _questions(open_letter(given, SHARED, info.workflow_id, info.first_execution_run_id, keys_at_hand()))
        except MessageRefusedError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from None

    def _answer(self, asked: str, word: str, data: Json) -> Json:
        try:
            return {"answer": self._shared.answer(asked, word, data, workflow.now())}
        except SharingRefusedError as error:
            return {"refused": str(error)}

    def _is_full(self) -> bool:
        return history_is_full(self._answered)

    @workflow.query(name="status", description="What is kept.")
    def status(self) -> Json:
        """What is kept."""
        return self._shared.state()


def question(asking: Asking) -> CallRequest:
    """A question as the call that asks it. No part of it is an expression that a worker would fill."""
    arguments = escape({"of": asking.of, "word": asking.word, "data": asking.data})
    return CallRequest(
        step=asking.step, node=SHARE, arguments=cast("JsonObject", arguments), policy=PATIENCE, lane="activity"
    )


def answer_in(recorded: Json) -> Json:
    """The answer, as its worker records it: in a list, so that no answer looks like what workers say themselves."""
    (answer,) = cast("list[Json]", recorded)
    return answer


def shared_id(task_queue: str, name: str) -> str:
    """The workflow id of what the runs of a task queue share."""
    return f"{SHARED}/{task_queue}/{name}"


def shared_name(info: workflow.Info) -> str:
    """The name in the id of the workflow: what stands behind the task queue."""
    return info.workflow_id.removeprefix(f"{SHARED}/{info.task_queue}/")


def _questions(message: Message) -> list[tuple[str, str, Json]]:
    try:
        questions = [(str(asked), str(word), data) for asked, word, data in cast("list[list[Json]]", message.data)]
    except (TypeError, ValueError):
        raise MessageRefusedError("what was sent holds no questions") from None
    if not 1 <= len(questions) <= MOST_ASKED:
        raise MessageRefusedError(f"a letter holds 1 to {MOST_ASKED} questions")
    return questions
