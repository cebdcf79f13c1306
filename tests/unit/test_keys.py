"""Starts with a key: how it is said, what is refused, and what becomes of each start."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from resolute import FlowBuildError, every, flow, hmac_sha256, input_data, manual, node, one_of, output, secret, webhook
from resolute.plan.errors import InvalidInputError
from resolute.plan.keyed import Keyed, WhileRunning
from resolute.plan.plan import Plan
from resolute.plan.triggers import TriggerSpec, Webhook
from resolute.plan.values import Json
from resolute.running.line import MOST_KNOWN, MOST_WAITING, REMEMBERED, Line, LineFullError, Start


class Deploy(BaseModel):
    """An input."""

    service: str
    action: str = "opened"


@node
async def show(text: str) -> str:
    """Gives a text."""
    return text


SIGNED = hmac_sha256(secret("S"), header="X-Signature")
deploy = input_data(Deploy)


def hook(**said: Any) -> TriggerSpec:
    """A webhook."""
    return webhook("/deploys", verify=SIGNED, input=Deploy, **said)


def built(trigger: TriggerSpec, **said: Any) -> Plan:
    """The plan of a flow with one step."""
    return flow("deploys", **said).triggered_by(trigger).then(show("x").as_("first")).build().plan


def test_how_keys_stand_in_a_plan() -> None:
    """A key is a place in the input, survives JSON, and is told in a few words; a plan without one is as it was."""
    plan = built(
        hook(
            key=deploy.service,
            while_running="tell",
            event=deploy.action,
            starts=one_of(deploy.action, ["opened", "reopened"]),
        )
    )
    whole = built(manual("go", input=Deploy), one_per=deploy.service)
    trigger = plan.triggers[0]

    assert isinstance(trigger, Webhook)
    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert whole == Plan.model_validate_json(whole.model_dump_json())
    assert "POST /deploys (hmac_sha256), one per input.service, tell" == trigger.text
    assert Keyed(key=("service",), while_running="queue") == whole.one_per
    assert "one_per" not in built(hook()).model_dump(mode="json")
    assert not {"keyed", "told"} & set(built(hook()).model_dump(mode="json")["triggers"][0])


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: built(hook(key=output("first"))), "the key first is no field of the input"),
        (lambda: built(hook(key="checkout")), "the key 'checkout' is no field of the input"),
        (lambda: built(hook(key=deploy.colour)), "Deploy has no field 'colour'"),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # the mistake
        (lambda: built(hook(while_running="queue")), "while_running='queue' without a key"),
        (lambda: built(hook(key=deploy.service, while_running="wait")), "while_running='wait'"),
        (lambda: built(hook(key=deploy.service, while_running="tell")), "without the name of an event"),
        (lambda: built(hook(key=deploy.service, event="deployed")), "event=... without being told to a run"),
        (
            lambda: built(hook(key=deploy.service, while_running="tell", event="e", event_data=3)),
            "event_data=3 is no field",
        ),
        (lambda: built(hook(key=deploy.service, while_running="tell", event="e", starts=True)), "always the same"),
        (
            lambda: built(hook(key=deploy.service, while_running="tell", event="e", starts=output("first") == "x")),
            "comes later",
        ),
        (lambda: built(hook(key=deploy.service), one_per=deploy.service), "the key of its runs is said twice"),
        (lambda: built(hook(), one_per=output("first")), "flow(...): the key first is no field of the input"),
        (lambda: built(hook(), one_per=deploy.service, while_running="tell"), "while_running='tell'"),
        (lambda: built(hook(), while_running="skip"), "flow(...): while_running='skip' without a key"),
        (
            lambda: built(every(timedelta(hours=1)), one_per=deploy.service),
            "a run that a schedule starts has no input, and so no key",
        ),
    ],
)
def test_mistakes_in_keys(build: Callable[[], Plan], said: str) -> None:
    """Each mistake is said when the flow is built, with what to do about it."""
    with pytest.raises(FlowBuildError) as caught:
        build()

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "run"),
    [
        ("checkout", "deploys/key/checkout"),
        (17, "deploys/key/17"),
        ("eu/west 1", "deploys/key/eu-west-1~"),
        ("a" * 200, f"deploys/key/{'a' * 40}~"),
        ("../..", "deploys/key/..-..~"),
    ],
)
def test_the_id_of_a_key(value: Json, run: str) -> None:
    """The id of a run shows its key where an id can; else a digest tells it from others."""
    found = Keyed(key=("a", "b")).run_id("deploys", {"a": {"b": value}})

    assert run == (found if "~" not in found else found[: found.index("~") + 1])
    assert len(found) < 90


@pytest.mark.parametrize("value", [None, {}, {"a": None}, {"a": {"b": ""}}, {"a": {"b": [1]}}, {"a": {"b": True}}, "a"])
def test_an_input_without_a_key(value: Any) -> None:
    """An input without a key starts nothing, and the message names the field."""
    with pytest.raises(InvalidInputError, match=r"the input of flow 'deploys' has no key: input\.a\.b is "):
        Keyed(key=("a", "b")).run_id("deploys", value)


def a_start(number: int, while_running: WhileRunning = "queue", *, first: bool = True) -> Start:
    """A start."""
    return Start(id=str(number), argument=number, while_running=while_running, first=first)


def test_what_becomes_of_starts() -> None:
    """Each start becomes what its own word says, while a run goes on; what comes again is known."""
    line, words = Line(), list[WhileRunning](["skip", "queue", "tell"])
    became: list[str] = [line.decide(a_start(0, "tell", first=False), 0.0), line.decide(a_start(1), 0.0)]
    line.begin()
    became += [line.decide(a_start(2 + index, word), 0.0) for index, word in enumerate(words)]
    became.append(line.decide(a_start(5, "replace"), 0.0))

    assert ["ignored", "started", "skipped", "queued", "told", "replaced"] == became
    assert ["5", "3"] == [start.id for start in line.waiting]
    assert (None, "skipped") == (line.known("0"), line.known("2"))


def test_the_bounds_of_a_line() -> None:
    """A start that finds no room is refused and changes nothing; ids are forgotten in the end."""
    line = Line()
    line.decide(a_start(-1), 0.0)
    line.begin()
    for number in range(MOST_WAITING):
        line.decide(a_start(number), 0.0)
    with pytest.raises(LineFullError, match="1,000 starts wait"):
        line.decide(a_start(MOST_WAITING), 0.0)
    line.check(a_start(3))
    for number in range(MOST_KNOWN):
        line.decide(a_start(10_000 + number, "skip"), 1.0)
    forgotten = line.forgotten()
    line.forget(REMEMBERED + 2.0)

    assert MOST_WAITING == len(line.waiting)
    assert MOST_WAITING + 1 == forgotten
    assert line.known("10001") is None


def test_a_line_survives_a_new_history() -> None:
    """What waits and what is known is taken over."""
    before, after = Line(), Line()
    for number in (1, 2):
        before.decide(a_start(number), 5.0)
    before.begin()
    after.restore(before.as_json())

    assert before.as_json() == after.as_json()
    assert "queued" == after.known("2")
