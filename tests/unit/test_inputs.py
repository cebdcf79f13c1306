"""A run's input is read through the model of its trigger, so that what a flow reads is what the model says."""

import json
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    computed_field,
    field_validator,
)
from pydantic.alias_generators import to_camel

from resolute import Flow, every, flow, input_data, manual, node, unverified, webhook
from resolute.execution.inputs import read_any_input, read_input, triggers_with_input
from resolute.plan.errors import InvalidInputError
from resolute.plan.values import Json
from resolute.testing import FlowTester


class Place(BaseModel):
    city: str = "Paris"
    code: int


class Order(BaseModel):
    model_config = ConfigDict(strict=True)

    service: str
    count: int = 1
    places: list[Place] = []
    note: str | None = None


class Host(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    host_name: str
    last_seen: datetime | None = None


class Notice(BaseModel):
    service_name: str = Field(alias="serviceName")
    at: datetime = Field(validation_alias="sentAt", serialization_alias="sent")
    team: str = Field(default="ops", validation_alias=AliasChoices("team", AliasPath("owner", "team")))
    hosts: list[Host] = []
    labels: dict[str, str] = Field(default_factory=lambda: {"from": "factory"})

    @computed_field
    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.service_name} ({self.team})"


class Level(Enum):
    low = 1
    high = 2


class Formats(BaseModel):
    at: datetime | None = None
    day: date | None = None
    id: UUID | None = None
    level: Level | None = None
    size: Annotated[int, Field(ge=0, le=10)] = 0
    kind: Literal["a", "b"] = "a"
    load: float = 0.0


class Card(BaseModel):
    kind: Literal["card"]


class Cash(BaseModel):
    kind: Literal["cash"]


class Payment(BaseModel):
    by: Card | Cash = Field(discriminator="kind")


class Fragile(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def whole(cls, number: int) -> int:
        return 10 // number


@node
async def announce(service: str, at: datetime, hosts: list[Host], title: str) -> str:
    return f"{title}: {service} {at:%H:%M} {[host.host_name for host in hosts]}"


def reading(model: type[BaseModel] | None) -> Flow:
    """A flow that somebody starts by hand."""
    return flow("reading").triggered_by(manual("read", input=model)).then(echo(input_data())).build()


@node
async def echo(value: Any) -> Any:
    return value


def read(model: type[BaseModel] | None, value: Json) -> Any:
    """The input as the run gets it."""
    found = reading(model)
    (trigger,) = triggers_with_input(found)
    return read_input(found, trigger, value)


def refusal(model: type[BaseModel] | None, value: Json) -> str:
    with pytest.raises(InvalidInputError) as raised:
        read(model, value)
    return str(raised.value)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
)
PLACES = st.fixed_dictionaries({}, optional={"city": VALUES, "code": VALUES})
ORDERS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {}, optional={"service": VALUES, "count": VALUES, "places": VALUES | st.lists(PLACES, max_size=2), "note": VALUES}
)
SENT = {"serviceName": "api", "sentAt": "2026-05-01T13:30:00+02:00", "hosts": [{"hostName": "db-1"}], "more": 1}
HELD = {
    "service_name": "api",
    "at": "2026-05-01T13:30:00+02:00",
    "team": "ops",
    "hosts": [{"host_name": "db-1", "last_seen": None}],
    "labels": {"from": "factory"},
    "title": "api (ops)",
}


def test_defaults_are_filled_in_at_any_depth() -> None:
    """What the sender left out and the model knows is there in the run."""
    value = read(Order, {"service": "api", "places": [{"code": 7}]})

    assert {"service": "api", "count": 1, "places": [{"city": "Paris", "code": 7}], "note": None} == value


def test_aliases_are_read_and_names_are_written() -> None:
    """A sender writes `serviceName`, a flow reads `service_name`: at any depth, with factories and computed fields."""
    assert HELD == read(Notice, SENT)
    assert "sre" == read(Notice, {**SENT, "owner": {"team": "sre"}})["team"]


def test_what_was_read_can_be_read_again() -> None:
    """Field names are taken as well as aliases, so that the input of one run starts the next one."""
    assert HELD == read(Notice, read(Notice, SENT))


async def test_a_flow_reads_its_input_by_name_in_a_test_as_in_production() -> None:
    """The tester reads what is sent through the model, and so do typed references to it, computed fields included."""
    sent = input_data(Notice)
    step = announce(sent.service_name, sent.at, sent.hosts, sent.title).as_("said")
    tester = FlowTester(flow("notices").triggered_by(manual("tell", input=Notice)).then(step).build())

    for value in (SENT, Notice.model_validate(SENT)):
        assert {"said": "api (ops): api 13:30 ['db-1']"} == (await tester.run(value)).result
    with pytest.raises(InvalidInputError, match="sentAt: Field required"):
        await tester.run({"serviceName": "api"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "yesterday"), ("at", "2026-13-01T00:00:00Z"), ("day", "2026-02-30"), ("id", "1234"), ("level", 3),
        ("size", -1), ("size", 11), ("kind", "c"), ("load", "much"), ("load", "NaN"), ("load", "Infinity"),
    ],
)  # fmt: skip
def test_formats_are_checked_before_a_run_starts(field: str, value: Json) -> None:
    """Times, dates, ids, enums and limits: nobody is told 202 for what fails later."""
    assert f"does not fit: {field}: " in refusal(Formats, {field: value})


def test_every_field_that_is_wrong_is_named_and_no_value() -> None:
    """The message helps who sent it, and shows nothing of what was sent."""
    message = refusal(Order, {"count": "hunter2", "places": [{"code": "hunter2"}]})

    assert "hunter2" not in message
    assert all(part in message for part in ("service: Field required", "count: Input should be", "places.0.code: "))
    assert "hunter2" not in refusal(Payment, {"by": {"kind": "hunter2"}})


def test_mistakes_are_named_up_to_ten() -> None:
    """A stranger chooses how many there are, and how long the names in them."""
    message = refusal(Order, {"service": "api", "places": [{"code": "x"}] * 1_000})

    assert 10 == message.count("places.")
    assert message.endswith("and 990 more")
    assert refusal(Order, {"service": "api", "places": [{"code": "x"}] * 50_000}).endswith("it has 50,000 mistakes")
    assert 400 > len(refusal(Formats, {"x" * 100_000: 1, "size": -1}))


def test_a_validator_that_fails_is_a_mistake_of_the_input() -> None:
    """Whatever an author's validator raises, the sender gets an answer and no trace."""
    assert refusal(Fragile, {"number": 0}).endswith("its model cannot read it: ZeroDivisionError")


@given(ORDERS)
def test_an_input_is_what_its_model_says(order: Any) -> None:
    """Whatever is sent, the run gets what the author's model makes of it, or there is no run."""
    try:
        expected: Any = json.loads(Order.model_validate_json(json.dumps(order)).model_dump_json())
    except ValidationError:
        expected = InvalidInputError
    try:
        actual: Any = read(Order, order)
    except InvalidInputError:
        actual = InvalidInputError

    assert expected == actual


def test_without_a_model_any_json_goes() -> None:
    """A trigger without a model takes any value that JSON can hold."""
    assert {"any": ["thing"]} == read(None, {"any": ["thing"]})
    assert refusal(None, {"load": float("nan")}).endswith("does not fit: load: nan is no JSON number")


def test_the_trigger_that_takes_an_input_reads_it() -> None:
    """Where nobody names a trigger, each is asked; a run of the schedule has no input."""
    several = flow("several").triggered_by(
        every(timedelta(hours=1)), webhook("/a", verify=unverified(), input=Notice), manual("b", input=Order)
    )
    built = several.then(echo(input_data())).build()

    assert HELD == read_any_input(built, SENT)
    assert "api" == read(Order, {"service": "api"})["service"]
    assert read_any_input(built, None) is None
    with pytest.raises(InvalidInputError, match="service: Field required"):
        read_any_input(built, {"strange": 1})
