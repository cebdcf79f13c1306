"""What is known of a type before anything has run."""

import enum
import sys
import typing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict  # pydantic knows typing's own from Python 3.12 on

from resolute import FlowBuildError, flow, manual, node
from resolute.plan.shapes import compatible, did_you_mean, kind_of, or_null, shape_of_type, spoken


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Part(BaseModel):
    name: str
    self_url: str = Field(default="", alias="self")


class Whole(BaseModel):
    part: Part
    maybe: Part | None = None
    parts: list[Part] = []
    by_name: dict[str, Part] = {}
    anything: Any = None
    loose: dict[str, Any] = {}
    pair: tuple[int, str] = (0, "")
    level: Level = Level.LOW


class Open(BaseModel, extra="allow"):
    known: int = 0


@dataclass
class Point:
    x: int


class Row(TypedDict):
    x: int


def in_one_order(value: object) -> str:
    """The name of a parameter: the same in every process, which the order of a set is not."""
    return str(sorted(cast(set[str], value))) if isinstance(value, set) else str(value)


@pytest.mark.parametrize(
    ("annotation", "kinds"),
    [
        (str, {"text"}),
        (int, {"int"}),
        (float, {"number"}),
        (bool, {"bool"}),
        (None, {"null"}),
        (datetime, {"text"}),
        (list[int], {"list"}),
        (dict[str, int], {"object"}),
        (Part, {"object"}),
        (Point, {"object"}),
        (Row, {"object"}),
        (int | None, {"int", "null"}),
        (Literal["a", 1, None], {"text", "int", "null"}),
        (Level, {"text"}),
        (Any, set[str]()),
        (object, set[str]()),
        (type(lambda: None), set[str]()),
    ],
    ids=in_one_order,
)
def test_a_type_has_kinds_of_json(annotation: Any, kinds: set[str]) -> None:
    """None is known where the type can be anything, or has no JSON form."""
    assert kinds == set(shape_of_type(annotation, "serialization").kinds)


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        (["part", "name"], {"text"}),
        (["part", "self_url"], {"text"}),
        (["maybe"], {"object", "null"}),
        (["maybe", "name"], {"text"}),
        (["parts", 0, "name"], {"text"}),
        (["by_name", "any", "name"], {"text"}),
        (["anything", "at", "all"], set[str]()),
        (["loose", "key", 3], set[str]()),
        (["pair", 0], {"int"}),
        (["pair", 1], {"text"}),
        (["level"], {"text"}),
    ],
    ids=in_one_order,
)
def test_a_path_leads_into_a_type(path: list[str | int], kinds: set[str]) -> None:
    """Through models, optional ones, lists, dicts and tuples, by the names of fields."""
    shape = shape_of_type(Whole, "serialization")
    for key in path:
        inner = shape.at(key)
        assert inner is not None
        shape = inner

    assert kinds == set(shape.kinds)


@pytest.mark.parametrize(
    "path", [["prat"], ["part", 0], ["part", "self"], ["parts", "name"], ["level", "name"]], ids=str
)
def test_a_path_that_leads_nowhere_is_known_as_that(path: list[str | int]) -> None:
    """A field that a type does not have, an index of what is no list, a name of what is no object."""
    *before, last = path
    shape = shape_of_type(Whole, "serialization")
    for key in before:
        inner = shape.at(key)
        assert inner is not None
        shape = inner

    assert shape.at(last) is None


def test_a_model_that_takes_more_fields_has_them_all() -> None:
    """Of an unknown field of an open model nothing is known, but it may be there."""
    inner = shape_of_type(Open, "serialization").at("unheard")

    assert inner is not None
    assert inner.is_any


def test_values_are_known_where_a_type_names_them() -> None:
    """So that a comparison with any other is seen to be never true."""
    assert ["a", "b"] == shape_of_type(Literal["a", "b"], "serialization").values
    assert ["low", "high"] == shape_of_type(Level | None, "serialization").values
    assert shape_of_type(str, "serialization").values is None


def test_what_may_be_missing_may_be_null() -> None:
    """As values of the last run are, in the first one."""
    assert {"int", "null"} == set(or_null(shape_of_type(int, "serialization")).kinds)
    assert or_null(shape_of_type(Any, "serialization")).is_any


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        ({"int"}, {"number"}, True),
        ({"number"}, {"int"}, False),
        ({"text", "null"}, {"text"}, True),
        ({"bool"}, {"int"}, False),
        (set[str](), {"int"}, True),
        ({"int"}, set[str](), True),
    ],
)
def test_kinds_fit_or_not(source: set[str], target: set[str], fits: bool) -> None:
    """A whole number is a number; what may fit is left to the run."""
    assert fits is compatible(frozenset(source), frozenset(target))


def test_kinds_are_said_as_people_say_them() -> None:
    """With their articles, null at the end."""
    assert "an int or a list or null" == spoken(frozenset({"null", "list", "int"}))
    values: list[object] = [None, True, 1, 1.5, "a", {}, []]

    assert ["null", "bool", "int", "number", "text", "object", "list"] == [kind_of(value) for value in values]


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("mesage", ["message", "status"], "did you mean 'message'?"),
        ("zebra", ["message", "status"], "known: message, status"),
        ("zebra", [], ""),
    ],
)
def test_a_hint_names_what_is_near(word: str, known: list[str], hint: str) -> None:
    """The nearest word, else what there is."""
    assert hint == did_you_mean(word, known)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="pydantic takes it from there on")
def test_a_type_that_pydantic_cannot_take_is_a_mistake_of_the_flow() -> None:
    """What is wrong with it is said when the flow is built, not by a traceback."""

    class Old(typing.TypedDict):
        x: int

    async def look() -> Any: ...

    look.__annotations__["return"] = Old

    with pytest.raises(FlowBuildError, match=r"the result: Please use `typing_extensions.TypedDict`"):
        flow("old").triggered_by(manual("go")).then(node(look)()).build()
