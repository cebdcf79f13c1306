"""What a run reads of earlier runs, and what it hands on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, cast

import pytest
from pydantic import BaseModel, ConfigDict, computed_field

from resolute import (
    FlowBuildError,
    Node,
    State,
    every,
    flow,
    node,
    output,
    previous,
    schedule,
)
from resolute.plan.plan import Plan
from resolute.plan.triggers import TriggerSpec
from resolute.running.recall import (
    MEMORY_LIMIT,
    Memory,
    handed_on,
    memory_in_failure,
    memory_in_result,
    newest,
    recalled,
)

HOURLY = every(timedelta(hours=1))


class Health(BaseModel):
    status: Literal["healthy", "critical"]
    load: float = 0.0
    tags: dict[str, list[int]] = {}


@node
async def look() -> Health:
    return Health(status="healthy")


@node
async def told(status: str | None) -> None: ...


def reading(*references: Any) -> Plan:
    """A flow that reads values of earlier runs."""
    draft = flow("reads").triggered_by(HOURLY).then(look().as_("health"))
    return draft.returns([previous(reference) for reference in references]).build().plan


health = look().as_("health").output


def test_the_newer_memory_counts() -> None:
    """A run that failed after the last completed one knows more; one that failed before it does not."""
    old, new = Memory({"a": 1}, 4), Memory({"a": 2}, 5)

    assert [new, new, old, new, None] == [
        newest(old, new),
        newest(new, old),
        newest(old, None),
        newest(None, new),
        newest(None, None),
    ]


def test_memory_of_an_earlier_release_gives_way_to_a_failure() -> None:
    """Results without a number were there first."""
    failed = Memory({"a": 2}, 1)

    assert failed == newest(memory_in_result({"a": 1}), memory_in_failure([{"step": "x"}, failed.as_detail()]))


@pytest.mark.parametrize("damaged", [{"$returns": 1, "$outputs": "text"}, {"$returns": 1, "$outputs": {}, "$run": "x"}])
def test_damage_is_noticed(damaged: Any) -> None:
    """What no release has recorded is no memory."""
    with pytest.raises(ValueError, match="damaged"):
        memory_in_result(damaged)


def test_only_what_is_read_is_kept() -> None:
    """Outputs that no previous(...) asks for are not handed on, whatever their names."""
    draft = flow("two").triggered_by(HOURLY).then(look().as_("health")).then(look().as_("other"))
    plan = draft.returns(previous(health.status)).build().plan

    memory, warnings = handed_on(plan, None, {"health": {"status": "critical"}, "other": {"status": "healthy"}})

    assert (Memory({"health": {"status": "critical"}}, 1), ()) == (memory, warnings)


def test_a_step_that_did_not_run_keeps_its_value() -> None:
    """Skipped is not null, and each run is newer than the one before."""
    memory, _ = handed_on(reading(health.status), Memory({"health": {"status": "critical"}}, 6), {})

    assert Memory({"health": {"status": "critical"}}, 7) == memory


def test_null_is_a_value_too() -> None:
    """A step that gave nothing has given that."""
    memory, _ = handed_on(reading(health), Memory({"health": {"status": "critical"}}, 1), {"health": None})

    assert Memory({"health": None}, 2) == memory


@pytest.mark.parametrize(
    ("references", "held", "read", "warnings"),
    [
        ([health.status], {"status": "critical", "gone": 1}, {"status": "critical", "gone": 1}, 0),
        ([health.status], {"status": "warning", "load": 1.0}, {"status": None, "load": 1.0}, 1),
        ([health.status, health.load], {"status": "critical", "load": "high"}, {"status": "critical", "load": None}, 1),
        ([health.load], {"load": 3}, {"load": 3}, 0),
        ([health.load], {"status": "critical"}, {"status": "critical"}, 0),
        ([health.load], {"load": None}, {"load": None}, 0),
        ([health], {"status": "critical"}, {"status": "critical"}, 0),
        ([health], {"load": 1.0}, None, 1),
        ([health], "critical", None, 1),
        ([health.tags["rack"][0]], {"tags": {"rack": [1]}}, {"tags": {"rack": [1]}}, 0),
        ([health.tags["rack"][0]], {"tags": {"rack": ["a", 2]}}, {"tags": {"rack": [None, 2]}}, 1),
        ([health.tags["rack"][0]], {"tags": 3}, {"tags": 3}, 0),
    ],
)
def test_what_no_longer_fits_is_null(references: Any, held: Any, read: Any, warnings: int) -> None:
    """Where the author has changed the model, exactly what is read and does not fit is null, with a warning each."""
    memory, said = recalled(reading(*references), Memory({"health": held}, 1))

    assert (Memory({"health": read}, 1), warnings) == (memory, len(said))
    assert all("previous(health" in warning and "null" in warning for warning in said)


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: list[int]

    @computed_field
    @property
    def total(self) -> int:
        """A field that is written and never read."""
        return sum(self.parts)


@node
async def compute() -> Computed:
    return Computed(parts=[1])


def test_what_a_model_writes_always_fits_it() -> None:
    """Also where the model would not read it back."""
    step = compute().as_("computed")
    plan = flow("computes").triggered_by(HOURLY).then(step).returns(previous(step.output)).build().plan
    held = cast("Any", Computed(parts=[1, 2]).model_dump(mode="json"))

    assert (Memory({"computed": held}), ()) == recalled(plan, Memory({"computed": held}))


def test_memory_is_bounded() -> None:
    """The largest values are left out, not the small ones that decide, and a warning says which."""
    draft = flow("large").triggered_by(HOURLY).then(look().as_("health")).then(look().as_("report"))
    report = look().as_("report").output
    plan = draft.returns([previous(health.status), previous(report)]).build().plan
    outputs: Mapping[str, Any] = {"health": {"status": "critical"}, "report": "x" * MEMORY_LIMIT}

    memory, (warning,) = handed_on(plan, Memory({"report": "of an earlier run"}), outputs)

    assert Memory({"health": {"status": "critical"}}, 1) == memory
    assert "'report'" in warning
    assert f"{MEMORY_LIMIT:,}" in warning


def test_a_decision_remembers_every_named_step() -> None:
    """A function of the state may look at any of them."""

    def was_ill(state: State) -> bool:
        return bool(state.previous)

    draft = flow("decides").triggered_by(HOURLY).then(look().as_("health")).then(look())
    plan = draft.when(was_ill).then(look().as_("again")).end_when().build().plan

    assert ["health", "again"] == [read.step for read in plan.memory]


def _mistakes(trigger: TriggerSpec, *more: TriggerSpec, step: Node[Any] | None = None) -> list[str]:
    draft = flow("mistaken").triggered_by(trigger)
    for other in more:
        draft = draft.triggered_by(other)
    with pytest.raises(FlowBuildError) as caught:
        draft.then(step or look().as_("health")).then(told(previous(output("health.status")))).build()
    return [str(problem) for problem in caught.value.problems]


def test_a_step_that_is_remembered_has_a_name() -> None:
    """A name that nobody gave changes with the next edit, and the memory would be another step's."""
    unnamed = look()
    with pytest.raises(FlowBuildError) as caught:
        flow("nameless").triggered_by(HOURLY).then(unnamed).then(told(previous(unnamed.output.status))).build()

    (problem,) = caught.value.problems
    assert ("step 'look'", True) == (problem.place, ".as_('look')" in problem.hint)


def test_a_run_that_is_cut_off_is_refused() -> None:
    """A terminated run hands nothing on."""
    (mistake,) = _mistakes(schedule("* * * * *", overlap="terminate_other"))

    assert "cancel_other" in mistake
