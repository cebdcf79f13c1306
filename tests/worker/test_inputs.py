"""Inputs are held against the schema in the plan, which agrees with the model that it is from."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from resolute.plan.errors import InvalidInputError
from resolute_worker.inputs import checked_input


class Place(BaseModel):
    city: str = "Paris"
    code: int


class Order(BaseModel):
    model_config = ConfigDict(strict=True)

    service: str
    count: int = 1
    places: list[Place] = []
    note: str | None = None


SCHEMA = Order.model_json_schema()
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
)
PLACES = st.fixed_dictionaries({}, optional={"city": VALUES, "code": VALUES})
ORDERS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={"service": VALUES, "count": VALUES, "places": VALUES | st.lists(PLACES, max_size=2), "note": VALUES}
)


def test_defaults_are_filled_in_at_any_depth() -> None:
    """What the sender left out and the model knows is there in the run."""
    value = checked_input("restart", SCHEMA, {"service": "api", "places": [{"code": 7}]})

    assert {"service": "api", "count": 1, "places": [{"city": "Paris", "code": 7}], "note": None} == value


def test_every_field_that_is_wrong_is_named_and_no_value() -> None:
    """The message helps who sent it, and shows nothing of what was sent."""
    with pytest.raises(InvalidInputError) as raised:
        checked_input("restart", SCHEMA, {"count": "hunter2", "places": [{"code": "hunter2"}]})

    message = str(raised.value)
    assert "hunter2" not in message
    assert all(part in message for part in ("is missing service", "count: is not of type integer", "places.0.code"))


@given(ORDERS)
def test_the_schema_takes_what_the_model_takes(order: Any) -> None:
    """Whatever is sent, the check on the plan's schema and the author's model come to the same answer."""
    try:
        expected: Any = json.loads(Order.model_validate(order).model_dump_json())
    except ValidationError:
        expected = InvalidInputError
    try:
        actual: Any = checked_input("restart", SCHEMA, order)
    except InvalidInputError:
        actual = InvalidInputError

    assert expected == actual


def test_without_a_schema_everything_goes() -> None:
    """A trigger without a model takes any value."""
    assert {"any": ["thing"]} == checked_input("restart", None, {"any": ["thing"]})
