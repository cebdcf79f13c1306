"""Answers that a test gives in place of nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from resolute.context import CallContext
from resolute.errors import ResoluteError, TerminalError
from resolute.execution import NodeExecutor
from resolute.provider import NodeDefinition, Provider
from resolute.secrets import Environment
from resolute.shapes import did_you_mean
from resolute.values import Json

Answer = Any
"""A value, an exception to raise, or a function of the node's arguments that gives either."""


class UnknownFakeError(ResoluteError):
    """A test answers for a node or step that the flow does not have."""


class NoAnswerError(TerminalError):
    """A test has no answer for a call that must not reach the world."""


class Fakes:
    """The answers of one test, by step or node name. A step's own answer goes before its node's."""

    def __init__(self, steps: Iterable[str], nodes: Iterable[str]) -> None:
        self._known = sorted({*steps, *nodes})
        self._answers: dict[str, list[Answer]] = {}
        self._last: dict[str, Answer] = {}

    def add(self, name: str, answers: Iterable[Answer]) -> None:
        """Answers the calls of a step or node, one after the other; the last answer is for all that follow.

        Raises:
            UnknownFakeError: the flow has no such step or node.
        """
        if name not in self._known:
            raise UnknownFakeError(f"the flow has no step or node {name!r} ({did_you_mean(name, self._known)})")
        given = list(answers)
        if not given:
            raise UnknownFakeError(f"{name!r}: give at least one answer")
        self._answers[name] = given

    def function_for(self, call: CallContext) -> Callable[..., Any] | None:
        """What stands in for the node of a call; None where nothing does."""
        for name in (call.step, call.node):
            if name in self._answers:
                answers = self._answers[name]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                return _standing_in(answer)
        return None


class FakeExecutor(NodeExecutor):
    """An executor that asks the test first.

    What the test has no answer for runs for real, except where that needs a provider that the test was not given.
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

    def function_for(self, definition: NodeDefinition, call: CallContext) -> Callable[..., Any]:
        """The stand-in where the test gave one, else the node's own function."""
        fake = self._fakes.function_for(call)
        if fake is not None:
            return fake
        if definition.provider is not None and definition.provider not in self.providers:
            raise NoAnswerError(
                f"the test has no answer for {definition.name!r} (step {call.step!r}): "
                f"give one with tester.answer({definition.name!r}, ...), or the provider with providers=[...]"
            )
        return super().function_for(definition, call)


class PlaceholderEnvironment(Environment):
    """Variables as the test gives them. A secret that it does not give is a placeholder that names it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self._given = variables

    def read(self, operator: str, operand: Json) -> Json:
        """See `Environment.read`."""
        if operator == "$secret" and str(operand) not in self._given:
            return f"<secret {operand}>"
        return super().read(operator, operand)


def _standing_in(answer: Answer) -> Callable[..., Any]:
    def stand_in(**arguments: Any) -> Any:
        value = answer(**arguments) if callable(answer) and not isinstance(answer, type) else answer
        if isinstance(value, BaseException):
            raise value
        return value

    return stand_in
