"""Gates in a flow: what `build()` refuses of them, how they look, and what a test decides."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from resolute import Decided, FlowBuildError, flow, gate, manual, node, text
from resolute.plan.forms import filled, form_mistakes
from resolute.plan.plan import Plan
from resolute.testing import FlowTester
from resolute.testing.gates import WrongDecisionError
from resolute.writing.diagram import mermaid, outline


class Change(BaseModel):
    """A form."""

    region: str = Field(min_length=2)
    percent: int = Field(default=10, ge=1, le=100)
    hosts: list[str] = []
    note: str | None = None


class Hidden(BaseModel):
    """A form with a secret."""

    token: SecretStr


class Checked(BaseModel):
    """A form with a validator, which a run does not run."""

    region: str

    @field_validator("region")
    @classmethod
    def _known(cls, value: str) -> str:
        return value


@node
async def tell(words: str) -> None:
    """Tells."""


def sends_link(link: str) -> Any:
    """Sends a link."""
    return tell(link)


def built(step: Any) -> Plan:
    """The plan of a flow with one gate."""
    return flow("asks").triggered_by(manual("go")).then(step).build().plan


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"approvers": ["ada"], "quorum": 2}, "a quorum of 2 can never be reached with 1 approver"),
        ({"quorum": 0}, "a quorum of 0 is none"),
        ({"approvers": []}, "approvers is empty, so nobody could decide"),
        ({"approvers": "ada"}, "'ada' is no list of people"),
        ({"approvers": ["ada", "ada"]}, "'ada' is given twice"),
        ({"timeout": timedelta(0)}, "a timeout of 0 s is none"),
        ({"timeout": 60}, "timeout: 60 is no length of time"),
        ({"on_timeout": "approve"}, "on_timeout='approve' is for a gate with a timeout"),
        ({"on_reject": "stop"}, "on_reject: 'stop' is none of fail, continue"),
        ({"remind": timedelta(hours=1)}, "remind is for a gate that tells people"),
        ({"form": str}, "form: str has no fields to fill in"),
        ({"form": 7}, "form: 7 is no model"),
        ({"form": Hidden}, "form: 'token' is a secret, and what is filled in is recorded"),
        ({"notify": tell}, "notify: tell(...) is no function of a link"),
        ({"notify": lambda link: "ada"}, "'ada' is not a step"),  # type: ignore[dict-item]
        ({"notify": sends_link}, "a link decides in the name of one person, and anybody may decide"),
    ],
)
def test_mistakes(options: dict[str, Any], told: str) -> None:
    """Each mistake in a gate is told when the flow is built."""
    with pytest.raises(FlowBuildError) as refused:
        built(gate("approve", **options))

    assert told in str(refused.value)


def test_a_plan_with_a_gate() -> None:
    """It survives JSON, and is drawn with what tells people of it."""
    plan = built(gate("approve", form=Change, approvers=["ada"], notify=lambda link: tell(text("Go: {}", link))))

    assert plan == Plan.model_validate_json(plan.model_dump_json())
    assert "approve: gate, 1 of 1" in outline(plan)
    assert "approve: gate, 1 of 1" in mermaid(plan)


def test_a_form() -> None:
    """Mistakes are told field by field, and what is left out has its default."""
    schema: Any = Change.model_json_schema()

    assert {"percent": 10, "hosts": [], "note": None, "region": "eu"} == filled({"region": "eu"}, schema)
    assert [] == form_mistakes({"region": "eu", "note": None, "hosts": ["a"]}, schema)
    assert [
        ("region", "is missing"),
        ("hosts[1]", "is an int, not text"),
        ("percent", "is 0, 1 is the least"),
        ("other", "is no field of the form"),
    ] == sorted(
        form_mistakes({"percent": 0, "hosts": ["a", 1], "other": 1}, schema),
        key=lambda mistake: ["region", "hosts[1]", "percent", "other"].index(mistake[0]),
    )


def test_the_type_of_a_decision() -> None:
    """A form may be missing only where the flow goes on without an approval."""
    assert Decided[Change] == gate("a", form=Change).result_type
    assert Decided[Change | None] == gate("a", form=Change, on_reject="continue").result_type
    assert Decided[Checked] == gate("a", form=Checked).result_type


async def test_deciding_in_a_test() -> None:
    """A test decides as people do, after a while if it says so; what could not be decided is the test's mistake."""
    plan = flow("asks").triggered_by(manual("go")).then(gate("approve", approvers=["ada"], timeout=timedelta(days=1)))
    tester = FlowTester(plan.build())
    tester.decides("approve", approved=False, by="ada", reason="no", after=timedelta(hours=3))
    run = await tester.run()

    assert "ada rejected gate 'approve': no" == (run.failure.message if run.failure else "")
    step = run.step("approve")
    assert step.started_at is not None
    assert step.ended_at is not None
    assert timedelta(hours=3) == step.ended_at - step.started_at
    other = FlowTester(plan.build())
    other.decides("approve", approved=True, by="mallory")
    with pytest.raises(WrongDecisionError, match="mallory may not decide"):
        await other.run()


async def test_nobody_decides() -> None:
    """A gate without a timeout and without a decision is stuck, and says what to call."""
    run = await FlowTester(flow("asks").triggered_by(manual("go")).then(gate("approve")).build()).run()

    assert "call tester.decides('approve', approved=True, by=...)" in (run.failure.message if run.failure else "")
