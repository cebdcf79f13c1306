"""The current item of a list: what reads it, what is known of it, and who may not read it."""

import pytest

from resolute.plan.described import describe
from resolute.plan.errors import EvaluationError
from resolute.plan.expressions import Reference, encode
from resolute.plan.shapes import Shape
from resolute.plan.values import Json
from resolute.running.compared import compared
from resolute.running.evaluate import Scope, evaluate
from resolute.writing import checks

HOST = Shape({"type": "object", "title": "Host", "properties": {"name": {"type": "string"}}})
NAME: Json = {"$item": ["certs", "name"]}


class Each:
    step_name = "certs"


def test_a_reference_to_an_item_names_what_it_is_an_item_of() -> None:
    """By a name, or by an object that has one."""
    assert NAME == encode(Reference("$item", "certs").name) == encode(Reference("$item", Each()).name)
    assert {"$item": ["hosts", 0]} == encode(Reference("$item", Each())[0], lambda _: "hosts")
    assert "certs.name" == describe(NAME)


def test_an_item_is_read_by_its_name() -> None:
    """A path leads into it, as into an output; where there is no item, the expression has no value."""
    scope = Scope(items={"certs": {"name": "db-1"}})

    assert "db-1" == evaluate(NAME, scope)
    assert {"certs.name": "db-1"} == compared({"$eq": [NAME, "db-2"]}, scope)
    with pytest.raises(EvaluationError, match="reads the current item of 'certs' where there is none"):
        evaluate(NAME, Scope())


def found(value: Json, scope: checks.Scope) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    checks.shape_in(value, scope, lambda message, hint: said.append((message, hint)))
    return said


def test_an_item_is_checked_by_its_type() -> None:
    """A field that it does not have, and an item where there is none, are mistakes of the flow."""
    scope = checks.Scope(known={}, everywhere={}, items={"certs": HOST})

    assert [] == found(NAME, scope)
    assert [("reads certs.nam: Host has no field 'nam'", "did you mean 'name'?")] == found(
        {"$item": ["certs", "nam"]}, scope
    )
    assert ["reads other.name, an item that is not known here"] == [
        message for message, _ in found({"$item": ["other", "name"]}, scope)
    ]
