"""What differs between two plans: steps that were added, removed, changed or moved, and the flow's own settings."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from resolute import Flow, flow, manual, node, schedule
from resolute.plan.plan import Plan
from resolute.writing.differences import differences
from resolute_worker.cli.app import run
from tests.contract.catalogue import SCENARIOS


@node
async def look(what: str) -> bool:
    return bool(what)


def built(*names: str, **options: Any) -> Flow:
    """A flow of steps that look at their own names."""
    drawn = flow("looking").triggered_by(options.pop("on", manual("go")))
    for name in names:
        drawn = drawn.then(look(options.get(name, name)).as_(name))
    return drawn.build()


def said(before: Flow, after: Flow) -> list[str]:
    """The differences, as a terminal shows them."""
    return [str(each) for each in differences(before.plan, after.plan)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.flow.name)
def test_a_plan_does_not_differ_from_itself(scenario: Any) -> None:
    """Whatever kinds of steps it has."""
    plan: Plan = scenario.flow.plan

    assert [] == differences(plan, Plan.model_validate_json(plan.model_dump_json()))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (built("a"), built("a", "b"), ["+ b: look"]),
        (built("a", "b"), built("a"), ["- b: look"]),
        (built("a"), built("a", a="x"), ["~ a: look: arguments.what"]),
        (built("a", "b", "c", "d"), built("b", "c", "d", "a"), ["> a: look"]),
        (built("a"), built("a", on=schedule("0 * * * *")), ["~ flow looking: triggers"]),
    ],
    ids=["added", "removed", "changed", "moved", "trigger"],
)
def test_each_difference_is_named(before: Flow, after: Flow, expected: list[str]) -> None:
    """One line for each step, with the fields that have changed; what stayed as it was is not named."""
    assert expected == said(before, after)


def test_a_step_that_gets_into_a_block_is_moved() -> None:
    """Its block is new, and the step in it is the same."""
    first, second = look("a").as_("a"), look("b").as_("b")
    flat = flow("x").triggered_by(manual("go")).then(first).then(second).build()
    inside = flow("x").triggered_by(manual("go")).then(first).when(first.output).then(second).end_when().build()

    assert ["added", "moved"] == sorted(each.kind for each in differences(flat.plan, inside.plan))


def test_a_policy_that_changes_is_named() -> None:
    """Down to the number that differs."""
    slow = flow("x").triggered_by(manual("go")).then(look("a").as_("a").timeout(timedelta(seconds=5))).build()
    fast = flow("x").triggered_by(manual("go")).then(look("a").as_("a").timeout(timedelta(seconds=1))).build()

    assert ["~ a: look: policy.timeout"] == said(slow, fast)


FILE = """from resolute import flow, manual, node

@node
async def look(what: str) -> bool:
    return bool(what)

looking = flow("looking").triggered_by(manual("go")).then(look("a").as_("a")){more}.build()
"""


def test_the_command_compares_with_a_plan_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`graph --diff` takes what `graph --json` has printed; what is no plan is refused."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "looking_before.py"
    file.write_text(FILE.format(more=""))
    assert 0 == run(["graph", "looking_before.py", "--json"])
    (tmp_path / "before.json").write_text(capsys.readouterr().out)
    (tmp_path / "looking_after.py").write_text(FILE.format(more='.then(look("b").as_("b"))'))
    (tmp_path / "none.json").write_text("[]")

    assert 0 == run(["graph", "looking_after.py", "--diff", "before.json"])
    assert "+ b: look" == capsys.readouterr().out.strip()
    assert 0 == run(["graph", "looking_after.py", "--diff", "looking_before.py", "--json"])
    assert ["added"] == [each["kind"] for each in json.loads(capsys.readouterr().out)]
    assert 2 == run(["graph", "looking_after.py", "--diff", "none.json"])
    assert "holds no plan" in capsys.readouterr().err
    assert 0 == run(["graph", "looking_after.py", "--svg"])
    assert ElementTree.fromstring(capsys.readouterr().out).tag.endswith("svg")
