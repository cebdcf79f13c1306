"""What starts a flow, as data."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from resolute.plan.once import Once, by_field, by_header
from resolute.plan.triggers import (
    MAX_BODY,
    Schedule,
    Trigger,
    Webhook,
    every,
    heartbeat,
    manual,
    schedule,
    webhook,
)
from resolute.plan.verification import Verification, bearer_token, hmac_sha256, path_token, unverified
from resolute.plan.words import input_data, secret


class Restart(BaseModel):
    service: str


SPECS = [
    schedule(
        "0 9 * * mon-fri", timezone="Europe/Paris", jitter=timedelta(seconds=30), overlap="buffer_one", paused=True
    ),
    every(timedelta(minutes=90), offset=timedelta(minutes=15), catchup=timedelta(days=1)),
    webhook("/hooks/deploys", verify=hmac_sha256(secret("HOOK"), header="X-Sig", prefix="sha256="), input=Restart),
    webhook("/hooks/open", verify=unverified()),
    heartbeat("/beat/backup", every=timedelta(days=1), grace=timedelta(minutes=15), verify=path_token(secret("BEAT"))),
    manual("restart", input=Restart),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.trigger.text)
def test_a_trigger_is_the_same_after_its_journey_as_json(spec: Any) -> None:
    """Nothing is lost on the way into a plan and back, and the kind says which trigger it is."""
    adapter: TypeAdapter[Trigger] = TypeAdapter(Trigger)

    assert spec.trigger == adapter.validate_json(adapter.dump_json(spec.trigger))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.trigger.text)
def test_a_good_trigger_has_no_problems(spec: Any) -> None:
    """Nothing is found where nothing is wrong."""
    assert [] == spec.trigger.problems()


def test_the_model_of_the_input_stays_with_the_author() -> None:
    """The data holds the JSON Schema, the spec the class."""
    spec = manual("restart", input=Restart)

    assert Restart is spec.input_type
    assert Restart.model_json_schema() == spec.trigger.model_dump(mode="json")["input_schema"]


@pytest.mark.parametrize(
    ("trigger", "message"),
    [
        (schedule("61 * * * *").trigger, "the minute cannot be '61'"),
        (schedule("* * * * *", timezone="Mars/Base").trigger, "unknown time zone 'Mars/Base'"),
        (schedule("* * * * *", jitter=timedelta(seconds=-1)).trigger, "jitter is negative"),
        (schedule("* * * * *", catchup=timedelta(seconds=9)).trigger, "catchup is less than 10 seconds"),
        (every(timedelta(0)).trigger, "an interval of 0 seconds"),
        (every(timedelta(seconds=1.5)).trigger, "an interval of 1.5 seconds"),
        (every(timedelta(minutes=1), offset=timedelta(minutes=1)).trigger, "an offset of 60 seconds"),
        (every(timedelta(minutes=1), offset=timedelta(seconds=-1)).trigger, "an offset of -1 seconds"),
        (Schedule(), "neither"),
        (Schedule(cron="* * * * *", every_seconds=60), "both"),
        (webhook("deploys", verify=unverified()).trigger, "path 'deploys'"),
        (webhook("/", verify=unverified()).trigger, "path '/'"),
        (webhook("/a b", verify=unverified()).trigger, "path '/a b'"),
        (webhook("/a?b=1", verify=unverified()).trigger, "path '/a?b=1'"),
        (webhook("/a", verify=unverified(), max_bytes=0).trigger, "max_bytes of 0"),
        (webhook("/a", verify=unverified(), max_bytes=MAX_BODY + 1).trigger, "max_bytes of 1,572,865"),
        (webhook("/a", verify=unverified(), once=by_header("X Id")).trigger, "once by header 'X Id'"),
        (webhook("/" + "a" * 200, verify=unverified()).trigger, "a path of 201 characters"),
        (Webhook(path="/a", verify={}), "verify names no scheme"),
        (manual("two words").trigger, "id 'two words'"),
        (manual("").trigger, "id ''"),
    ],
)
def test_a_mistake_is_told_with_a_remedy(trigger: Any, message: str) -> None:
    """One mistake is one problem: what is wrong, and what to do about it."""
    [(found, hint)] = trigger.problems()

    assert message in found
    assert hint


def test_all_mistakes_of_a_trigger_are_told_at_once() -> None:
    """The author sees them together, not one after the other."""
    trigger = schedule("nonsense", jitter=timedelta(seconds=-1), catchup=timedelta()).trigger

    assert 3 == len(trigger.problems())


def test_an_overlap_that_does_not_exist_is_refused_at_once() -> None:
    """A wrong word is a programming mistake, not one of the flow."""
    with pytest.raises(ValidationError):
        schedule("* * * * *", overlap="sometimes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # the point


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other"])
def test_runs_one_after_the_other_know_the_one_before(overlap: Any) -> None:
    """Only where runs may be at work side by side there is no run before."""
    assert Schedule(cron="* * * * *", overlap=overlap).keeps_previous
    assert not Schedule(cron="* * * * *", overlap="allow_all").keeps_previous


def test_an_interval_counts_from_1970_plus_its_offset() -> None:
    """Temporal's intervals do, so the preview does; a time that is one itself is not the next one."""
    trigger = every(timedelta(hours=6), offset=timedelta(minutes=30)).trigger
    assert isinstance(trigger, Schedule)

    found = trigger.next_times(datetime(2026, 11, 20, 6, 30, tzinfo=UTC), 2)

    assert [datetime(2026, 11, 20, 12, 30, tzinfo=UTC), datetime(2026, 11, 20, 18, 30, tzinfo=UTC)] == found


@pytest.mark.parametrize("make", [bearer_token, partial(hmac_sha256, header="X")])
@pytest.mark.parametrize("literal", [("hunter2",), ({"$secret": "X", "more": "hunter2"},), ()])
def test_a_secret_is_given_by_name_only(make: Any, literal: tuple[object, ...]) -> None:
    """A literal is refused, without being shown: it may be the secret itself."""
    with pytest.raises(TypeError, match=r'secret\("NAME"\)') as caught:
        make(*literal)

    assert "hunter2" not in str(caught.value)


def test_a_verification_is_data_with_the_name_of_its_scheme() -> None:
    """The plan holds references; the worker finds the scheme by its name."""
    trigger = webhook("/a", verify=hmac_sha256(secret("NEW"), secret("OLD"), header="X-Sig", prefix="v1=")).trigger

    assert {
        "scheme": "hmac_sha256",
        "secrets": [{"$secret": "NEW"}, {"$secret": "OLD"}],
        "header": "X-Sig",
        "prefix": "v1=",
    } == trigger.model_dump(mode="json")["verify"]


def test_a_provider_brings_a_scheme_of_its_own() -> None:
    """What it wants to know reaches the worker as it is."""

    class Knock(Verification, frozen=True):
        scheme: str = "knock"
        times: int

    trigger = webhook("/a", verify=Knock(times=3)).trigger

    assert {"scheme": "knock", "times": 3} == trigger.model_dump(mode="json")["verify"]


def hook(once: Once | None = by_header("X-Delivery")) -> Webhook:  # noqa: B008  # a frozen value
    trigger = webhook("/a", verify=unverified(), once=once).trigger
    assert isinstance(trigger, Webhook)
    return trigger


def test_a_delivery_is_named_by_its_header() -> None:
    """However the header's name is written; the body has no part in it."""
    assert "d-17" == hook().delivery_id({"x-delivery": "d-17"}, b"one")
    assert "d-17" == hook().delivery_id({"X-DELIVERY": "d-17"}, b"two")


def test_a_delivery_without_a_name_is_named_by_its_body() -> None:
    """Equal bodies are one delivery, others are others."""
    body = hook("body")
    assert body.delivery_id({}, b"one") == hook().delivery_id({"X-Delivery": ""}, b"one")
    assert body.delivery_id({}, b"one") != body.delivery_id({}, b"two")


def test_a_delivery_is_named_by_a_field() -> None:
    """A field that is empty, or holds more than a name, leaves the naming to the body."""
    trigger = hook(by_field(input_data("event.id")))

    assert "e-1" == trigger.delivery_id({"X-Delivery": "other"}, b"one", value={"event": {"id": "e-1"}})
    assert "17" == trigger.delivery_id({}, b"one", value={"event": {"id": 17}})
    empty: tuple[Any, ...] = ({}, {"event": None}, {"event": {"id": ""}}, {"event": {"id": ["e-1"]}}, [])
    for value in empty:
        assert hook("body").delivery_id({}, b"one") == trigger.delivery_id({}, b"one", value=value)


def test_a_signed_delivery_is_named_by_what_is_signed() -> None:
    """A header beside the signature names nothing."""
    one = hook().delivery_id({"X-Delivery": "one"}, b"body", signed=b"body and time")
    two = hook().delivery_id({"X-Delivery": "two"}, b"body", signed=b"body and time")
    later = hook().delivery_id({"X-Delivery": "one"}, b"body", signed=b"body and another time")

    assert one == two
    assert one != later


def test_deliveries_need_not_be_told_apart() -> None:
    """Where `once` is None no delivery has a name: each is another one."""
    assert None is hook(None).delivery_id({"X-Delivery": "d-17"}, b"one")


def test_plans_from_before_there_was_a_choice_keep_their_form() -> None:
    """What is usual is not written, so that such a plan reads as it was and keeps its fingerprint."""
    before = {"kind": "webhook", "path": "/a", "verify": {"scheme": "unverified"}, "delivery_id_header": "X-Delivery"}
    before |= {"max_bytes": 1_048_576, "input_schema": None}

    assert before == hook().model_dump(mode="json") == Webhook.model_validate(before).model_dump(mode="json")
    assert ["event", "id"] == hook(by_field(input_data("event.id"))).model_dump(mode="json")["once"]


@pytest.mark.parametrize("strange", ["x" * 5000, "a\nb", "../../etc", "ß"])
def test_a_strange_name_of_a_delivery_is_replaced_by_its_digest(strange: str) -> None:
    """What comes from outside never becomes part of a workflow id as it is."""
    assert 64 == len(hook().delivery_id({"X-Delivery": strange}, b"") or "")
