"""The functions that a flow's steps name: each declared in a way that it can be called, and under one name."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from resolute.plan.provider import NodeDefinition
from resolute.writing.decision import named_function
from resolute.writing.mistakes import Mistakes
from resolute.writing.names import problem_of_node


class Declarations:
    """The definitions of a flow's nodes, by name."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.definitions: dict[str, NodeDefinition] = {}
        self._deciding: dict[str, Callable[..., object]] = {}
        self._mistakes = mistakes

    def add(self, definition: NodeDefinition, place: str) -> None:
        """Takes a definition, and reports what is wrong with it once."""
        if definition.name not in self.definitions:
            self._check(definition, place)
        known = self.definitions.setdefault(definition.name, definition)
        if not known.same_as(definition):
            message = f"two different nodes are called {definition.name!r}"
            self._mistakes.report(place, message, "rename one of them with @node(name=...)")

    def add_decision(self, function: Callable[..., object], place: str) -> None:
        """Refuses a second function of the same name: a run in flight finds a function by its name."""
        name = named_function(function)
        if name and self._deciding.setdefault(name, function) is not function:
            message = f"two different functions are called {name!r}"
            self._mistakes.report(place, message, "rename one of them: runs in flight find a decision by it")

    def _check(self, definition: NodeDefinition, place: str) -> None:
        if problem := problem_of_node(definition):
            self._mistakes.report(place, *problem)
        for parameter in definition.parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                message = f"parameter {parameter.name!r} takes no name"
                self._mistakes.report(place, message, "a node is given its arguments by name")
        for name, annotation in definition.types.items():
            try:
                TypeAdapter(annotation)
            except PydanticUserError as error:
                what = "the result" if name == "return" else f"input {name!r}"
                reason, hint = str(error).split("\n", 1)[0], ""
                if isinstance(error, PydanticSchemaGenerationError):
                    reason = f"{getattr(annotation, '__name__', str(annotation))} has no JSON form"
                    hint = "declare a model, a dataclass or plain data"
                self._mistakes.report(place, f"{what}: {reason}", hint)
