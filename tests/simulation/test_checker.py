"""The checker finds nothing in what is right, and each of its rules finds what breaks it."""

from dataclasses import replace

import pytest

from tests.simulation.checker import (
    CALL,
    RULES,
    Asked,
    Check,
    Effect,
    Evidence,
    Opened,
    Read,
    Recorded,
    RunTold,
    Start,
    broken,
)
from tests.simulation.orders import Begun, Decided, Halted, Refused, Sent

PAGE = Effect(at=2, run="a", step="page", does="trigger", key="db")
NOTE = Effect(at=4, run="a", step="say", does="note", key="I1", adds=True)
CLOSE = Effect(at=6, run="b", step="close", does="resolve", key="db")
FIRST = RunTold(
    run="a",
    flow="watch",
    status="failed",
    began=1,
    ended=9,
    holds="db",
    steps=(
        Recorded(at=3, step="page", does="trigger", key="db", undo=("unpage",), attempts=2, most=3),
        Recorded(at=5, step="say", does="note", key="I1", undo=("unsay", "told")),
        Recorded(at=7, step="unsay", undoes="say"),
        Recorded(at=7.5, step="told", undoes="say", ok=False),
        Recorded(at=8, step="unpage", undoes="page"),
    ),
)
SECOND = RunTold(
    run="b",
    flow="watch",
    status="completed",
    began=9,
    ended=12,
    holds="db",
    steps=(Recorded(at=11, step="close", does="resolve", key="db", undo=("reopen",)),),
)
ASKED = Asked(at=1, of="pages", run="a", step="ask", time=0.0, granted=True, at_most=1, per=60)
PAUSED = Halted(what="run paused", of="b", since=9.2, until=9.8)
FLOW_PAUSED = Halted(what="flow paused", of="watch", since=9.2, until=9.8)
BRAKED = Halted(what="brake", since=3.2, until=3.8)
BEGUN = Begun(at=9.9, run="b", step="close", asked=9.85, flows=("watch",))
SENT = Sent(at=3.9, run="a", step="say", what="a note")
DRY = RunTold(run="d", flow="watch", status="completed", began=12, ended=14, dry=True)
HELD = Decided(at=10.6, run="b", step="close", word="retry", failed=10.5)
START = Start(at=1, id="1", key="db", became="started", while_running="queue", runs=("a",))
RIGHT = Evidence(
    effects=(PAGE, NOTE, replace(CLOSE, at=10)),
    runs=(FIRST, SECOND),
    incidents=(Opened(key="db", opened=2, closed=10),),
    checks=(Check(at=9, key="db", bad=True), Check(at=12, key="db", bad=False)),
    reads=(Read(at=9, run="b", step="page", got=1, expected=1),),
    asked=(ASKED, replace(ASKED, at=2, step="again", granted=False, time=5.0), replace(ASKED, at=3, time=61.0)),
    starts=(START, replace(START, at=2, id="2", became="queued", runs=("b",))),
    halted=(PAUSED, FLOW_PAUSED, BRAKED),
    begun=(
        replace(BEGUN, at=9.5, asked=9.1, first=False),  # at work before
        BEGUN,
        replace(BEGUN, at=10.7),
        Begun(at=3.5, run="a", step="look", asked=3, writes=False),  # reads go on
        replace(BEGUN, at=9.5, step="undo", asked=9, lifted=True),
    ),
    sent=(SENT,),
    refused=(Refused(at=3.5, run="a", step="say", writes=True),),
    decided=(HELD,),
)


def changed(**fields: object) -> Evidence:
    return replace(RIGHT, **fields)


WRONG = {
    "a page that nobody sent": ("nothing lost", changed(effects=RIGHT.effects[1:])),
    "a page that was sent after it was recorded": (
        "nothing lost",
        changed(effects=(NOTE, replace(PAGE, at=5), replace(CLOSE, at=10))),
    ),
    "a run that does not end": ("nothing lost", changed(runs=(FIRST, replace(SECOND, status="running")))),
    "a page of nobody": ("nothing lost", changed(effects=(*RIGHT.effects, replace(PAGE, run="c", key="x")))),
    "two notes": ("nothing doubled", changed(effects=(PAGE, replace(NOTE, at=3.5), *RIGHT.effects[1:]))),
    "a page of two keys": (
        "nothing doubled",
        changed(effects=(PAGE, replace(PAGE, at=2.5, key="db/2"), *RIGHT.effects[1:])),
    ),
    "an end that is recorded twice": (
        "nothing doubled",
        changed(runs=(FIRST, replace(SECOND, steps=(*SECOND.steps, replace(SECOND.steps[0], at=11.5))))),
    ),
    "two incidents of one page": (
        "nothing doubled",
        changed(
            effects=(PAGE, replace(PAGE, at=2.5), *RIGHT.effects[1:]),
            incidents=(Opened(key="db", opened=2, closed=2.2), Opened(key="db", opened=2.5, closed=10)),
        ),
    ),
    "a page after its end": ("nothing repeated", changed(effects=(PAGE, replace(PAGE, at=3.5), *RIGHT.effects[1:]))),
    "an attempt that is made twice": (
        "nothing repeated",
        changed(
            effects=(
                *[Effect(at=at, run="a", step="page", does=CALL, key="a", attempt=1) for at in (1, 1.5)],
                *RIGHT.effects,
            )
        ),
    ),
    "too many attempts": (
        "nothing repeated",
        changed(runs=(replace(FIRST, steps=(replace(FIRST.steps[0], attempts=4), *FIRST.steps[1:])), SECOND)),
    ),
    "a page after it was closed": ("in order", changed(effects=(*RIGHT.effects, replace(PAGE, at=10.5)))),
    "two holders": ("one holder", changed(runs=(FIRST, replace(SECOND, began=8.5)))),
    "a start that is dropped": ("starts kept", changed(starts=(START, replace(START, id="2", runs=())))),
    "a start that runs twice": ("starts kept", changed(starts=(replace(START, runs=("a", "b")),))),
    "an event that is told twice": (
        "starts kept",
        changed(starts=(replace(START, became="told", runs=(), told=("a", "a")),)),
    ),
    "an event that is told to nobody": ("starts kept", changed(starts=(replace(START, became="told", runs=()),))),
    "starts that overtake": (
        "starts kept",
        changed(starts=(replace(START, runs=("b",)), replace(START, at=2, id="2", runs=("a",)))),
    ),
    "an undo step that is left out": ("undo complete", changed(runs=(replace(FIRST, steps=FIRST.steps[:-1]), SECOND))),
    "undo steps in the wrong order": (
        "undo complete",
        changed(runs=(replace(FIRST, steps=(*FIRST.steps[:2], FIRST.steps[4], *FIRST.steps[2:4])), SECOND)),
    ),
    "a run that undoes what it completed": (
        "undo complete",
        changed(runs=(replace(FIRST, status="completed"), SECOND)),
    ),
    "an incident that stays open": ("memory right", changed(incidents=(Opened(key="db", opened=2),))),
    "an incident that is not opened": ("memory right", changed(incidents=())),
    "an incident too many": (
        "memory right",
        changed(incidents=(*RIGHT.incidents, Opened(key="db", opened=11, closed=12))),
    ),
    "a value of another run": ("memory right", changed(reads=(replace(RIGHT.reads[0], got=0),))),
    "a budget that is exceeded": ("budgets kept", changed(asked=(ASKED, replace(ASKED, at=2, time=1.0)))),
    "a step that begins in a pause of its run": (
        "pauses kept",
        changed(begun=(*RIGHT.begun, replace(BEGUN, at=100, step="next", asked=9.5))),
    ),
    "a step that begins in a pause of its flow": (
        "pauses kept",
        changed(begun=(*RIGHT.begun, replace(BEGUN, at=9.5, step="next", asked=9.1))),
    ),
    "a step that writes under the brake": ("brake kept", changed(begun=(replace(BEGUN, at=3.5),))),
    "a request that writes under the brake": ("brake kept", changed(sent=(replace(SENT, at=3.5),))),
    "a step that reads and is stopped by the brake": (
        "brake kept",
        changed(refused=(replace(RIGHT.refused[0], writes=False),)),
    ),
    "a dry run that writes": (
        "dry runs write nothing",
        changed(runs=(*RIGHT.runs, DRY), sent=(replace(SENT, run="d", at=13),)),
    ),
    "a held step that goes on by itself": (
        "decisions kept",
        changed(begun=(*RIGHT.begun, replace(BEGUN, at=10.55, asked=10.55))),
    ),
    "a step that was left out and runs": ("decisions kept", changed(decided=(replace(HELD, word="skip"),))),
    "a step that is to be tried again and is not": ("decisions kept", changed(begun=(BEGUN,))),
    "a run that completes with a step that was to fail": (
        "decisions kept",
        changed(begun=(BEGUN,), decided=(replace(HELD, word="fail"),)),
    ),
    "a budget that refuses too early": ("budgets kept", changed(asked=(replace(ASKED, granted=False),))),
}


def test_what_is_right_is_not_broken() -> None:
    """Runs that did what they should break no rule."""
    assert [] == broken(RIGHT)


@pytest.mark.parametrize(("rule", "evidence"), WRONG.values(), ids=WRONG)
def test_each_rule_finds_what_breaks_it(rule: str, evidence: Evidence) -> None:
    """What is wrong is found by the rule that is meant for it."""
    assert rule in {each.rule for each in broken(evidence)}


def test_every_rule_is_shown() -> None:
    """Each rule has something above that breaks it."""
    assert set(RULES) == {rule for rule, _ in WRONG.values()}
