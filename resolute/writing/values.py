"""The values that steps are given: encoded as JSON, and held against the types of what takes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from resolute.plan.described import describe
from resolute.plan.errors import NotJsonError
from resolute.plan.expressions import encode, holds_expression
from resolute.plan.language import operator_of
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import shape_of_type
from resolute.plan.values import Json
from resolute.writing.checks import Scope, check_fit
from resolute.writing.literals import check_literal
from resolute.writing.mistakes import Mistakes
from resolute.writing.naming import Naming

NOTHING: Final = object()
"""In place of a value that cannot be encoded, which has been reported."""


class Values:
    """Encodes values of one flow; `naming` knows what the steps are called that they refer to."""

    def __init__(self, naming: Naming, mistakes: Mistakes) -> None:
        self._naming = naming
        self._mistakes = mistakes

    def encode(self, value: object, place: str, spot: str = "") -> Json:
        """The JSON form of a value; `NOTHING` where it has none, which is reported."""
        try:
            check_literal(value)
            return encode(value, self._naming.name_of)
        except NotJsonError as error:
            self._mistakes.report(place, f"{spot}{error}", error.hint)
        except ValueError as error:
            hint = "give plain data: text, numbers, lists, objects, models, times"
            self._mistakes.report(place, f"{spot}{error}", hint)
        return cast("Json", NOTHING)

    def arguments(
        self, definition: NodeDefinition, given: Mapping[str, object], scope: Scope, place: str
    ) -> dict[str, Json]:
        """The arguments of a call, each checked against the parameter that takes it."""
        arguments: dict[str, Json] = {}
        for name, value in given.items():
            if name.startswith("$"):
                message = f"input {name!r}: names that begin with '$' are those of expressions"
                self._mistakes.report(place, message, "give the parameter another name")
                continue
            arguments[name] = self._argument(definition, name, value, scope, place)
        return arguments

    def _argument(self, definition: NodeDefinition, name: str, value: object, scope: Scope, place: str) -> Json:
        annotation = definition.types.get(name, Any)
        spot = f"input {name!r}: "
        encoded = self.encode(value, place, spot)
        if encoded is NOTHING:
            return None
        if definition.is_secret(name):
            self._check_secret(encoded, place, spot)
        if holds_expression(value):
            check_fit(encoded, shape_of_type(annotation, "validation"), scope, self._mistakes.at(place, spot))
        else:
            self._check_literal(annotation, value, place, spot)
        return encoded

    def _check_secret(self, encoded: Json, place: str, spot: str) -> None:
        for leaf in _leaves(encoded):
            if not isinstance(leaf, Mapping):
                # Never shown: it may be the secret itself.
                message = f"{spot}a literal would be stored in the plan"
                self._mistakes.report(place, message, "use secret('NAME')")
            elif operator_of(leaf) != "$secret":
                known = f"{describe(leaf)} is known outside of the worker as well"
                self._mistakes.report(place, f"{spot}takes a secret by its name, and {known}", "use secret('NAME')")

    def _check_literal(self, annotation: Any, value: object, place: str, spot: str) -> None:
        if annotation is inspect.Parameter.empty or annotation is Any:
            return
        try:
            TypeAdapter(annotation).validate_python(value, by_name=True, by_alias=True)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                where = ".".join(str(part) for part in detail["loc"])
                self._mistakes.report(place, f"{spot}{where + ': ' if where else ''}{detail['msg']}")
        except PydanticUserError:
            return  # said where the node is defined


def _leaves(encoded: Json) -> list[Json]:
    """What a value is made of: its expressions as they are, and its literals other than null."""
    match encoded:
        case None:
            return []
        case Mapping() if operator_of(encoded) is None:
            return [leaf for item in encoded.values() for leaf in _leaves(item)]
        case list() | tuple():
            return [leaf for item in encoded for leaf in _leaves(item)]
        case _:
            return [encoded]
