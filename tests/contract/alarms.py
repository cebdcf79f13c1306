"""Alarms over the runs of a schedule: damped, and told of at least once whatever becomes of a run."""

from typing import Any, cast

from resolute import Incident, alarm, during, each, flow, not_, one_of, output, previous
from resolute.plan.alarmed import CheckOutcome
from resolute.plan.failing import Failure
from tests.contract.nodes import count, freeze, hum, page, refuse
from tests.contract.scenario import BY_HAND, CANCELLED, Expected, Scenario

counted = count(previous(cast("int", output("counted")))).as_("counted")


def incident(*, not_at: list[int] | None = None, not_closed_at: list[int] | None = None) -> Incident:
    """What fails to be opened or closed in the runs of these numbers."""
    return Incident(
        raises=page("open", counted.output, not_at or []).as_("open"),
        clears=page("close", counted.output, not_closed_at or []).as_("close"),
        known_by="checkout",
    )


def _around(checkout: str = "completed", did: str = "", **others: Any) -> dict[str, Any]:
    """How the steps stand of a flow that counts its runs and has an alarm."""
    inside = {step: "completed" if did == step else "skipped" for step in ("open", "close")}
    return {"counted": "completed", "checkout": checkout, **inside, **others}


def _told(of: Any) -> list[Any]:
    return [of.state, of.raised, of.cleared, of.bad, of.clear, of.outcome]


def _ended(
    state: str, bad: int, clear: int, outcome: CheckOutcome, *, edge: str = "", did: str = "", **others: Any
) -> Expected:
    asked = [step for step, status in others.items() if status != "skipped"]
    return Expected(
        calls=["counted", *asked, *([did] if did else [])],
        steps={**_around(did=did), **others},
        result=[state, edge == "raised", edge == "cleared", bad, clear, outcome],
    )


damped = alarm("checkout", bad=one_of(counted.output, [2, 3, 4, 6]), raise_after=2, clear_after=2, incident=incident())
twice = alarm("checkout", bad=one_of(counted.output, [1, 2, 3]), incident=incident(not_at=[1], not_closed_at=[4]))
cut_off = alarm("checkout", bad=counted.output == 1, incident=incident())
items = each(
    ["a", "b"],
    lambda host: alarm(
        "host",
        bad=((host == "a") & (counted.output <= 2)) | ((host == "b") & (counted.output == 2)),
        raise_after=2,
        quiet=not_(during()),
    ),
)

muted = alarm(
    "checkout",
    bad=counted.output <= 4,
    incident=incident(),
    mute_during=freeze(counted.output, [1, 2], [3]).as_("frozen"),
)

SCENARIOS = (
    Scenario(
        "An alarm that is about to be raised asks whether it is muted, and is raised where nobody can say.",
        flow("alarm-muted").triggered_by(BY_HAND).then(counted).then(muted).returns(_told(muted.output)).build(),
        (
            _ended("pending", 1, 0, "muted", frozen="completed"),
            _ended("pending", 2, 0, "muted", frozen="completed"),
            _ended("firing", 3, 0, "paged", edge="raised", did="open", frozen="failed"),
            _ended("firing", 4, 0, "damped", frozen="skipped"),
            _ended("ok", 0, 1, "resolved", edge="cleared", did="close", frozen="skipped"),
        ),
    ),
    Scenario(
        "An alarm is raised and cleared once, after as many checks as it says, and its incident with it.",
        flow("alarm-damps").triggered_by(BY_HAND).then(counted).then(damped).returns(_told(damped.output)).build(),
        (
            _ended("ok", 0, 1, "quiet"),
            _ended("pending", 1, 0, "pending"),
            _ended("firing", 2, 0, "paged", edge="raised", did="open"),
            _ended("firing", 3, 0, "damped"),
            _ended("clearing", 0, 1, "damped"),
            _ended("firing", 1, 0, "damped"),
            _ended("clearing", 0, 1, "damped"),
            _ended("ok", 0, 2, "resolved", edge="cleared", did="close"),
            _ended("ok", 0, 3, "quiet"),
        ),
    ),
    Scenario(
        "What could not be opened or closed is tried again; what was opened in a run that failed is not opened again.",
        flow("alarm-is-heard")
        .triggered_by(BY_HAND)
        .then(counted)
        .then(twice)
        .when(counted.output == 2)
        .then(refuse("behind").as_("behind"))
        .end_when()
        .returns(_told(twice.output))
        .build(),
        (
            Expected(
                calls=["counted", "open"],
                steps=_around("failed", open="failed", close="pending", when="pending", behind="pending"),
                failure=Failure(step="open", node="page", error_type="TerminalError", message="not at 1"),
            ),
            Expected(
                calls=["counted", "open", "behind"],
                steps=_around(did="open", when="failed", behind="failed"),
                taken={"when": "then"},
                failure=Failure(step="behind", node="refuse", error_type="TerminalError", message="behind"),
            ),
            Expected(
                calls=["counted"],
                steps=_around(when="completed", behind="skipped"),
                taken={"when": "otherwise"},
                result=["firing", True, False, 3, 0, "damped"],
            ),
            Expected(
                calls=["counted", "close"],
                steps=_around("failed", open="pending", close="failed", when="pending", behind="pending"),
                failure=Failure(step="close", node="page", error_type="TerminalError", message="not at 4"),
            ),
            *(
                Expected(
                    calls=["counted", *did],
                    steps=_around(did="".join(did), when="completed", behind="skipped"),
                    taken={"when": "otherwise"},
                    result=["ok", False, bool(did), 0, clear, outcome],
                )
                for clear, did, outcome in ((2, ["close"], "resolved"), (3, [], "quiet"))
            ),
        ),
    ),
    Scenario(
        "A run that is cancelled has not ended well: what it raised is told of again, and not opened again.",
        flow("alarm-cancelled")
        .triggered_by(BY_HAND)
        .then(counted)
        .then(cut_off)
        .when(counted.output == 1)
        .then(hum().as_("at_work"))
        .end_when()
        .returns(_told(cut_off.output))
        .build(),
        (
            Expected(
                calls=["counted", "open", "at_work"],
                steps=_around(did="open", when="cancelled", at_work="cancelled"),
                taken={"when": "then"},
                failure=CANCELLED,
                cancelled_at=[["at_work"]],
            ),
            Expected(
                calls=["counted", "close"],
                steps=_around(did="close", when="completed", at_work="skipped"),
                taken={"when": "otherwise"},
                result=["ok", False, True, 0, 1, "resolved"],
            ),
        ),
    ),
    Scenario(
        "Each item of a list is an alarm of its own, and quiet hours are looked at only when one is to be raised.",
        flow("alarm-of-each")
        .triggered_by(BY_HAND)
        .then(counted)
        .then(items.as_("hosts"))
        .returns([output("hosts[0].state"), output("hosts[1].state")])
        .build(),
        (
            Expected(
                calls=["counted"],
                steps={
                    "counted": "completed",
                    "hosts": "completed",
                    "host": "completed",
                    "host_quiet_decision": "skipped",
                    "hosts[0].host": "completed",
                    "hosts[0].host_quiet_decision": "skipped",
                    "hosts[1].host": "completed",
                    "hosts[1].host_quiet_decision": "skipped",
                },
                result=["pending", "ok"],
            ),
            Expected(
                calls=["counted"],
                steps={
                    "counted": "completed",
                    "hosts": "completed",
                    "host": "completed",
                    "host_quiet_decision": "completed",
                    "hosts[0].host": "completed",
                    "hosts[0].host_quiet_decision": "completed",
                    "hosts[1].host": "completed",
                    "hosts[1].host_quiet_decision": "skipped",
                },
                result=["firing", "pending"],
            ),
        ),
    ),
)
