"""What of a plan the code here can execute: nodes, parameters, fields that are read, providers, the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from pydantic import BaseModel

from resolute import child, each, flow, manual, node, now, output, repeat
from resolute.execution.agreement import Finding, findings
from resolute.execution.code import Code
from resolute.execution.executor import NodeExecutor
from resolute.execution.remaining import Remaining, all_of, remaining_of, undo_of
from resolute.plan.failing import Failure
from resolute.plan.kinds.call import Call
from resolute.plan.plan import INTERPRETER, Plan
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.step import Step
from resolute.running.report import RunReport, StepReport
from resolute.writing.node import NodeFactory, provider_node


class Host(BaseModel):
    name: str
    tier: int = 1


class Renamed(BaseModel):
    label: str
    tier: int = 1


@node
async def hosts() -> list[Host]:
    raise NotImplementedError  # only its declaration is compared


@node
async def look(name: str) -> Host:
    raise NotImplementedError  # only its declaration is compared


@node
async def tell(word: str) -> str:
    raise NotImplementedError  # only its declaration is compared


@provider_node("pager", "Page", queue="slow")
async def page(pager: Any, word: str) -> str:
    raise NotImplementedError  # only its declaration is compared


class Pager(Provider):
    """A provider that may be refused, and whose queue may be gone."""

    name = "pager"

    def __init__(self, refused: str | None = None, queues: Sequence[str] = ("slow",)) -> None:
        self._refused = refused
        self._queues = queues

    @classmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        return [page.definition]

    def refusal(self, node: NodeDefinition) -> str | None:
        return self._refused

    def queues(self) -> dict[str, float]:
        return dict.fromkeys(self._queues, 1.0)


@node(name="hosts")
async def hosts_edited() -> list[Renamed]:
    raise NotImplementedError  # only its declaration is compared


@node(name="look")
async def look_edited(name: str) -> Renamed:
    raise NotImplementedError  # only its declaration is compared


@node(name="tell")
async def tell_edited(word: int) -> str:
    raise NotImplementedError  # only its declaration is compared


def code(*nodes: NodeFactory[..., Any], providers: Sequence[Provider] = ()) -> Code:
    """The code of a process with these nodes."""
    return Code(NodeExecutor([each.definition for each in nodes], providers))


def built(*steps: Any) -> Plan:
    """The plan of a flow with these steps."""
    builder = flow("checked").triggered_by(manual("go"))
    for step in steps:
        builder = builder.then(step)
    return builder.build().plan


def told(found: list[Finding]) -> list[tuple[str, str]]:
    """Step and problem of each finding."""
    return [(each.step, each.problem) for each in found]


def test_code_that_has_not_changed_executes_everything() -> None:
    """A plan agrees with the code that it was built from, with loops, children and failures in it."""
    inner = flow("inner").triggered_by(manual("go")).then(look("a").as_("seen")).build()
    listed = hosts().as_("listed")
    plan = built(
        listed,
        each(listed.output, lambda host: look(host.name).on_failure(tell(host.name))).as_("each"),
        repeat(look("a").as_("turn"), until=output("turn.name") == "a", at_most=2).as_("repeat"),
        child(inner).as_("child"),
    )

    assert [] == findings(plan, code(hosts, look, tell), all_of(plan))


def test_a_field_is_missed_through_items_turns_and_children() -> None:
    """A lost field is noticed where an item, a loop's list, a last turn or another flow's result is read."""
    inner = flow("inner").triggered_by(manual("go")).then(look("a").as_("seen")).build()
    listed, looked, ran = hosts().as_("listed"), look("a").as_("turn"), child(inner).as_("ran")
    loop = each(listed.output, lambda host: tell(host.name).as_("said")).as_("loop")
    gives = each([1], lambda _: look("b").as_("got")).as_("gives")
    plan = built(
        listed,
        loop,
        gives,
        tell(gives.output[0].name).as_("first"),
        repeat(looked, until=output("turn.name") == "a", at_most=2).as_("turns"),
        ran,
        tell(output("ran.seen.name")).as_("last"),
    )
    found = findings(plan, code(hosts_edited, look_edited, tell), all_of(plan))

    assert ["said", "first", "turns", "last"] == [each.step for each in found]
    assert all("Renamed has no field 'name'" in each.problem for each in found)


@pytest.mark.parametrize(
    ("providers", "problem"),
    [
        ([], "there is no node 'pager.Page', and no provider 'pager'"),
        ([Pager(refused="pager may not page")], "pager may not page"),
        ([Pager(queues=())], "no worker would poll the provider's queue 'slow'"),
    ],
)
def test_a_provider_that_cannot_be_called_is_named(providers: list[Provider], problem: str) -> None:
    """A missing provider, a missing grant and a queue that nobody polls break a call of it."""
    plan = built(page("x").as_("paged"))

    assert [("paged", problem)] == told(findings(plan, code(providers=providers), all_of(plan)))
    assert [] == findings(plan, code(providers=[Pager()]), all_of(plan))


def test_a_node_whose_provider_is_not_set_up_is_named() -> None:
    """Also where the node itself is known."""
    plan = built(page("x").as_("paged"))

    assert [("paged", "provider 'pager' is not set up")] == told(findings(plan, code(page), all_of(plan)))


def test_a_newer_interpreter_breaks_the_run_as_a_whole() -> None:
    """A release that is older than a run's plan cannot go on with any of it."""
    plan = built(tell("x")).model_copy(update={"interpreter": INTERPRETER + 1})
    (found,) = findings(plan, code(tell), all_of(plan))

    assert ("", True) == (found.step, found.certain)
    assert f"for interpreter {INTERPRETER + 1}, this release has {INTERPRETER}" in found.problem


def _without_digest(plan: Plan) -> Plan:
    def older(step: Step) -> Step:
        return step.model_copy(update={"contract": None}) if isinstance(step, Call) else step

    return plan.model_copy(update={"steps": tuple(older(step) for step in plan.steps)})


def test_an_older_plan_is_checked_by_its_schemas() -> None:
    """A plan without digests agrees with unchanged code, and with changed code it is found what does not fit."""
    seen = look("a").as_("seen")
    plan = _without_digest(built(seen, tell(seen.output.name).as_("told")))

    assert [] == findings(plan, code(look, tell), all_of(plan))
    assert ["told"] == [each.step for each in findings(plan, code(look_edited, tell), all_of(plan))]


def test_what_the_record_cannot_answer_is_said_to_be_unsure() -> None:
    """A value that does not exist yet and whose type nobody knows is no certain break; once it is recorded, it is."""

    @node
    async def anything() -> Any:
        raise NotImplementedError

    some = anything().as_("some")
    plan = built(some, tell(some.output.word).as_("told"))
    edited = code(anything, tell_edited)
    (unsure,) = findings(plan, edited, all_of(plan))
    known = Remaining({"told": "ahead"}, outputs={"some": {"word": "text"}})
    fits = Remaining({"told": "ahead"}, outputs={"some": {"word": 7}})

    assert ("told", False) == (unsure.step, unsure.certain)
    assert [True] == [each.certain for each in findings(plan, edited, known)]
    assert [] == findings(plan, edited, fits)


def _report(*steps: StepReport, failed: bool = False) -> RunReport:
    failure = Failure(step="b", node="tell", error_type="Broken", message="no") if failed else None
    return RunReport(flow="checked", fingerprint="", steps=steps, failure=failure)


def test_only_open_steps_remain_and_what_undoes_ended_ones() -> None:
    """What undoes a completed step is ahead if the run fails; a run that has failed begins nothing else."""
    plan = built(
        tell("a").as_("a").on_failure(tell("undo a").as_("undo_a")),
        tell("b").as_("b").on_failure(tell("undo b").as_("undo_b")),
        tell("c").as_("c"),
    )
    ended = StepReport(id="a", kind="call", status="completed", output="a")
    going = remaining_of(plan, _report(ended, StepReport(id="b", kind="call", status="running")), None)
    failed = remaining_of(plan, _report(ended, StepReport(id="b", kind="call", status="failed"), failed=True), None)

    assert {"undo_a": "if it fails", "b": "ahead", "undo_b": "if it fails", "c": "ahead"} == going.steps
    assert {"a": "a"} == going.outputs
    assert {"undo_a": "if it fails"} == failed.steps
    assert {"undo_a", "undo_b"} == set(undo_of(plan).steps)


def test_a_skipped_branch_is_behind_and_an_open_loop_is_ahead() -> None:
    """What a `when` left out is not called; in a loop that goes on, steps of ended items count once more."""
    seen = tell("x").as_("seen")
    plan = (
        flow("checked")
        .triggered_by(manual("go"))
        .then(seen)
        .when(seen.output == "x")
        .then(tell("yes").as_("yes"))
        .otherwise()
        .then(tell("no").as_("no"))
        .end_when()
        .then(each([1, 2], lambda _: tell("item").as_("item")).as_("loop"))
        .build()
        .plan
    )
    report = _report(
        StepReport(id="seen", kind="call", status="completed", output="x"),
        StepReport(id="when", kind="when", status="completed", taken="then"),
        StepReport(id="yes", kind="call", status="completed"),
        StepReport(id="no", kind="call", status="skipped"),
        StepReport(id="loop", kind="each", status="running"),
        StepReport(id="item", kind="call", status="completed", counts={"completed": 1}),
    )

    assert {"loop": "ahead", "item": "ahead"} == remaining_of(plan, report, None).steps


def test_a_time_and_a_text_that_are_computed_still_fit() -> None:
    """Values that only the run computes are held against the type that they have, and are no doubt."""

    @node
    async def at(when: datetime, more: str = "") -> str:
        raise NotImplementedError

    @node(name="at")
    async def at_edited(when: datetime, further: int = 0) -> str:
        raise NotImplementedError

    plan = built(at(now()).as_("at"))

    assert [] == findings(plan, code(at_edited), all_of(plan))
