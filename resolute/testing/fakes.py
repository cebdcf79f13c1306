"""Answers that a test gives in place of nodes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from resolute.execution.executor import NodeExecutor
from resolute.execution.masking import Masks
from resolute.execution.secrets import Environment
from resolute.plan.context import CallContext
from resolute.plan.errors import ResoluteError, TerminalError
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan, with_inner
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.shapes import did_you_mean
from resolute.plan.step import plan_name
from resolute.plan.values import Json, JsonObject

Answer = Any
"""A value, an exception to raise, or a function of the node's arguments that returns either."""

NOTHING: Final = object()
"""No answer; None would be an answer."""

_ENOUGH: Final = 1000
"""After this many attempts of a step that never gives up, the test counts as endless."""


class UnknownFakeError(ResoluteError):
    """A test gives an answer for a node or step that the flow does not have."""


class FakeError(TerminalError):
    """A test's answers do not fit its flow: not a failure of the flow, so `FlowTester.run` raises it."""


class NoAnswerError(FakeError):
    """A test has no answer for a call that must not reach the outside world."""


class WrongAnswerError(FakeError):
    """A test answers with something that the node could not return."""


class Fakes:
    """The answers of one test, by step or node name. A step's own answer takes precedence over its node's."""

    def __init__(self, steps: Iterable[str], nodes: Iterable[str]) -> None:
        self._known = sorted({*steps, *nodes})
        self._answers: dict[str, list[Answer]] = {}

    @classmethod
    def of(cls, plan: Plan) -> Fakes:
        """No answers yet, for the steps and nodes of a plan."""
        calls = [call for each in with_inner(plan) for call in calls_in((*each.steps, *each.on_failure))]
        return cls([call.id for call in calls], [call.node for call in calls])

    def add(self, name: str, answers: Iterable[Answer]) -> None:
        """Answers the calls of a step or node, one after the other; the last answer also applies to all later calls.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        self.check(name)
        given = list(answers)
        if not given:
            raise UnknownFakeError(f"{name!r}: give at least one answer")
        self._answers[name] = given

    def clear(self, name: str) -> None:
        """Removes the answers of a step or node.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        self.check(name)
        self._answers.pop(name, None)

    def check(self, name: str) -> None:
        """Refuses a name that nothing in the flow has.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        if not self.knows(name):
            raise UnknownFakeError(f"the flow has no step or node {name!r} ({did_you_mean(name, self._known)})")

    def knows(self, name: str) -> bool:
        """Whether the flow has a step or node that can be answered."""
        return name in self._known

    def has(self, step: str, node: str) -> bool:
        """Whether the test answers the calls of a step or node."""
        return any(name in self._answers for name in (step, plan_name(step), node))

    def next_for(self, call: CallContext) -> Answer:
        """The answer for a call; `NOTHING` if the test gave none."""
        for name in (call.step, plan_name(call.step), call.node):
            if name in self._answers:
                answers = self._answers[name]
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return NOTHING


class FakeExecutor(NodeExecutor):
    """An executor that asks the test first.

    Calls without an answer run for real, unless they need a provider that the test was not given.
    """

    def __init__(
        self,
        definitions: Iterable[NodeDefinition],
        providers: Iterable[Provider],
        environment: Environment,
        fakes: Fakes,
    ) -> None:
        super().__init__(definitions, providers, environment)
        self._fakes = fakes
        self.mistakes: list[FakeError] = []

    async def execute(self, call: CallContext, arguments: JsonObject) -> Json:
        """See `NodeExecutor.execute`; remembers the test's own mistakes."""
        try:
            if call.attempt > _ENOUGH:
                raise FakeError(
                    f"step {call.step!r} was tried {_ENOUGH:,} times and its policy never gives up: make it succeed"
                )
            return await super().execute(call, arguments)
        except FakeError as mistake:
            self.mistakes.append(mistake)
            raise

    def function_for(self, definition: NodeDefinition, call: CallContext) -> Callable[..., Any]:
        """The test's stand-in if it gave one, else the node's own function."""
        if call.dry and definition.effect == "write":
            is_known = definition.provider is None or definition.provider in self.providers
            return super().function_for(definition, call) if is_known else definition.function
        answer = self._fakes.next_for(call)
        if answer is not NOTHING:
            return _standing_in(answer, definition)
        if definition.provider is not None and definition.provider not in self.providers:
            raise NoAnswerError(
                f"the test has no answer for {definition.name!r} (step {call.step!r}): "
                f"give one with tester.answer({definition.name!r}, ...), or the provider with providers=[...]"
            )
        return super().function_for(definition, call)


class PlaceholderEnvironment(Environment):
    """Variables as the test gives them. A secret that it does not give is a placeholder with its name."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self._given = variables
        self._placeholders = Masks()

    def secret_in(self, value: Json) -> str | None:
        """See `Environment.secret_in`: a placeholder must not be returned if its secret must not."""
        return super().secret_in(value) or self._placeholders.place_in(value)

    def read(self, operator: str, operand: Json) -> Json:
        """See `Environment.read`."""
        if operator == "$secret" and str(operand) not in self._given:
            placeholder = f"<secret {operand}>"
            self._placeholders.add([placeholder])
            return placeholder
        return super().read(operator, operand)


def _standing_in(answer: Answer, definition: NodeDefinition) -> Callable[..., Any]:
    async def stand_in(**arguments: Any) -> Any:
        value = answer
        if callable(answer) and not isinstance(answer, type):
            try:
                value = answer(**arguments)
                if inspect.isawaitable(value):
                    value = await value
            except AssertionError as error:
                raise FakeError(f"the test's answer for {definition.name!r} did not hold: {error}") from error
        if isinstance(value, BaseException):
            raise value
        return fitting(value, definition)

    return stand_in


def fitting(value: Any, definition: NodeDefinition) -> Any:
    """An answer as the node would return it.

    Raises:
        WrongAnswerError: the node could not.
    """
    try:
        return TypeAdapter[Any](definition.result_type).validate_python(value, by_name=True, by_alias=True)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(str(part) for part in detail['loc']) or 'value'}: {detail['msg']}"
            for detail in error.errors(include_url=False)
        )
        raise WrongAnswerError(f"the test answers for {definition.name!r} what it cannot return: {found}") from None
