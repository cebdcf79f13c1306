"""Waits for events: how they are written, what is refused, how a test tells a run of events."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from resolute import Event, FlowBuildError, env, flow, manual, node, signal, wait_for
from resolute.memory.clock import START, StuckError
from resolute.plan.plan import INTERPRETER, Plan
from resolute.running.messages import EVENT, MOST_BYTES, Inbox, Message, MessageRefusedError
from resolute.testing import FlowTester
from resolute.writing.diagram import outline


class Deployed(BaseModel):
    """An event."""

    version: str
    by: str = "nobody"
    hosts: list[str] = []


@node
async def show(text: str) -> str:
    """Gives a text."""
    return text


DEPLOYED = signal("deployed", Deployed)
GO = manual("go")
patient = wait_for(DEPLOYED).as_("deploy")
waits = flow("waits").triggered_by(GO).then(patient).then(show(patient.output.by).as_("shown")).build()
limited = (
    flow("limited")
    .triggered_by(GO)
    .then(wait_for(DEPLOYED, timeout=timedelta(minutes=15), where=lambda event: event.version == "1.2").as_("deploy"))
    .build()
)


async def test_an_event_of_a_test() -> None:
    """What a test tells a run is the step's output, with the model's defaults."""
    tester = FlowTester(waits)
    tester.tells("deployed", Deployed(version="1", by="ada"))

    assert {"deploy": {"version": "1", "by": "ada", "hosts": []}, "shown": "ada"} == (await tester.run()).result


async def test_an_event_that_comes_later() -> None:
    """An event comes at its virtual time; one that the condition does not hold for is left."""
    tester = FlowTester(limited)
    tester.tells("deployed", {"version": "1.1"}, after=timedelta(minutes=1))
    tester.tells("deployed", {"version": "1.2"}, after=timedelta(minutes=3))

    assert {"deploy": {"version": "1.2", "by": "nobody", "hosts": []}} == (await tester.run()).result
    assert START + timedelta(minutes=3) == tester.clock.now()


async def test_the_timeout() -> None:
    """Without an event the wait ends by its timeout, and its output is null."""
    tester = FlowTester(limited)
    tester.tells("deployed", {"version": "1.2"}, after=timedelta(minutes=16))

    assert {"deploy": None} == (await tester.run()).result
    assert START + timedelta(minutes=15) == tester.clock.now()


async def test_an_event_during_the_run() -> None:
    """An answer can tell the run in progress of an event."""
    tester = FlowTester(
        flow("during").triggered_by(GO).then(show("x").as_("first")).then(wait_for(DEPLOYED).as_("deploy")).build()
    )

    def answer(text: str) -> str:
        tester.tells("deployed", {"version": text})
        return text

    tester.answer("first", answer)

    assert "x" == (await tester.run()).result["deploy"]["version"]


async def test_nobody_tells_the_run() -> None:
    """A run that can never go on says what the test has to call."""
    run = await FlowTester(waits).run()

    assert run.failure is not None
    assert StuckError.__name__ == run.failure.error_type
    assert "call tester.tells('deployed', {...})" in run.failure.message


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"by": "ada"}, "event.version is missing"),
        ({"version": 1}, "event.version is an int, not text"),
        ({"version": "1", "hosts": ["a", 2]}, r"event.hosts\[1\] is an int, not text"),
        ("1", "event is text, not an object"),
        (None, "event is null, not an object"),
    ],
)
async def test_an_event_that_does_not_fit(data: object, why: str) -> None:
    """An event that does not fit the model is refused with the part that does not fit, and the step waits on."""
    tester = FlowTester(limited)
    tester.tells("deployed", data, after=timedelta(minutes=1))

    with pytest.raises(MessageRefusedError, match=f"event 'deployed' does not fit what step 'deploy' waits for: {why}"):
        await tester.run()


async def test_a_kept_event_that_does_not_fit() -> None:
    """An event that came before the wait and does not fit is not taken, and the report says so."""
    tester = FlowTester(limited)
    tester.tells("deployed", {"by": "ada"})
    run = await tester.run()

    assert {"deploy": None} == run.result
    assert ["event.version is missing"] == [warning.rpartition(": ")[2] for warning in run.report.warnings]


def test_the_bytes_of_kept_events() -> None:
    """What a run keeps is bounded in bytes too, and the bound is said."""
    inbox = Inbox(INTERPRETER)
    inbox.take(Message(to=EVENT + "e", word="tell", id="1", data="x" * (MOST_BYTES - 100)))

    with pytest.raises(MessageRefusedError, match="up to 1,000,000 bytes of events"):
        inbox.take(Message(to=EVENT + "e", word="tell", id="2", data="x" * 100))


def test_how_a_wait_is_read_and_drawn() -> None:
    """A plan with a wait survives JSON, and is drawn with what it waits for."""
    assert limited.plan == Plan.model_validate_json(limited.plan.model_dump_json())
    assert "deploy: wait for deployed where deploy.version == '1.2', up to 15m" in outline(limited.plan)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (wait_for(signal("", Deployed)), "an event has a name"),
        (wait_for(signal("x" * 300, Deployed)), "has at most 200 characters"),
        (wait_for(Event[Deployed](())), "it waits for no event"),
        (wait_for(DEPLOYED, timeout=timedelta(0)), "timeout: datetime.timedelta(0) is no length of a wait"),
        (wait_for(DEPLOYED, timeout=15), "timeout: 15 is no length of a wait"),  # type: ignore[call-overload]
        (wait_for("deployed"), "'deployed' is no event"),  # type: ignore[call-overload]
        (wait_for(DEPLOYED, where=lambda event: event.colour == "red"), "Deployed has no field 'colour'"),  # type: ignore[attr-defined]
        (wait_for(DEPLOYED, where=lambda event: event.version == env("V")), "the condition reads env"),
        (wait_for(DEPLOYED, where=lambda _: True), "the condition is always true"),
    ],
)
def test_mistakes_in_a_wait(step: Any, said: str) -> None:
    """Each mistake is said when the flow is built."""
    with pytest.raises(FlowBuildError) as caught:
        flow("mistaken").triggered_by(GO).then(step).build()

    assert said in str(caught.value)


def test_an_event_that_may_be_missing() -> None:
    """After a timeout the event is null, so a field of it is read only where somebody has asked."""
    maybe = wait_for(DEPLOYED, timeout=timedelta(minutes=1)).as_("deploy")

    with pytest.raises(FlowBuildError, match="deploy may be null"):
        flow("unasked").triggered_by(GO).then(maybe).then(show(maybe.output.by)).build()  # type: ignore[union-attr]
