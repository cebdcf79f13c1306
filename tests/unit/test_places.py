"""A plan knows where its steps were written, for whoever has to correct them."""

import asyncio
import traceback
from pathlib import Path
from typing import Any

import pytest

from resolute import Flow, NodeFailedError, Plan
from resolute.testing import FlowTester
from resolute.writing.places import place_of_caller
from resolute_worker.cli.local import difference

SOURCE = """
from resolute import Retry, State, branch, env, flow, manual, node

@node(retry=Retry(attempts=1))
async def tell(words: str) -> str:
    raise OSError("no network")

def worth_it(state: State) -> bool:
    return True

def shared(words: str):
    return tell(words)  # shared

told = (
    tell(  # told
        "x"
    )
    .retry(2)
    .as_("told")
)
watch = (
    flow("watch")
    .triggered_by(manual("now"))
    .then(told.on_failure(tell("undo").as_("undo")))  # undo
    .when(worth_it)  # decision
    .then(shared("y").as_("helped"))
    .end_when()
    .then_parallel(
        tell("z").as_("beside"),  # beside
        branch().when(env("X") == "y").then(tell("y").as_("inside")).end_when(),  # inside
    )
    .on_failure(tell("bad").as_("cry"))  # cry
    .build()
)
"""


def built(folder: Path, source: str = SOURCE) -> Flow:
    """The flow of a file in a folder."""
    file = folder / "flows" / "watch.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    names: dict[str, Any] = {"__name__": "flows.watch"}
    exec(compile(source, str(file), "exec"), names)
    return names["watch"]


def line_of(mark: str) -> str:
    """The place of the line with a mark."""
    found = next(number for number, line in enumerate(SOURCE.splitlines(), 1) if line.endswith(f"# {mark}"))
    return f"flows/watch.py:{found}"


def test_each_step_is_placed_where_its_arguments_were_given(tmp_path: Path) -> None:
    """Undo steps, decisions and steps in blocks among them; a step that a helper made is placed in the helper."""
    places = built(tmp_path).plan.places

    assert {
        "told": line_of("told"),
        "undo": line_of("undo"),
        "when": line_of("decision"),
        "when_decision": line_of("decision"),
        "helped": line_of("shared"),
        "beside": line_of("beside"),
        "when_2": line_of("inside"),
        "when_2_decision": line_of("inside"),
        "inside": line_of("inside"),
        "cry": line_of("cry"),
    } == places


def test_moving_a_line_makes_no_other_flow(tmp_path: Path) -> None:
    """The places differ, the fingerprint does not, and `resolute run --local` sees no difference."""
    here, there = built(tmp_path / "a").plan, built(tmp_path / "b", f"# a comment\n{SOURCE}").plan

    assert here.places != there.places
    assert here.fingerprint == there.fingerprint
    assert ["the plan from the file is the deployed one (as in a run)"] == difference(here, there, "a run")


def test_a_plan_says_nothing_of_the_machine(tmp_path: Path) -> None:
    """The same project in two folders has the same plan to the byte."""
    here, there = built(tmp_path / "a").plan, built(tmp_path / "b").plan

    assert here.model_dump_json() == there.model_dump_json()
    assert str(tmp_path) not in here.model_dump_json()


def test_a_plan_without_places_is_the_same_flow(tmp_path: Path) -> None:
    """A plan that an older version recorded loads, and has the fingerprint that it had."""
    plan = built(tmp_path).plan
    older = plan.model_dump(mode="json")
    del older["places"]
    again = Plan.model_validate(older)

    assert {} == again.places
    assert plan.fingerprint == again.fingerprint


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/srv/shop/flows/alerting.py", "flows/alerting.py:1"),
        ("C:\\shop\\flows\\alerting.py", "flows/alerting.py:1"),
        ("/alerting.py", "alerting.py:1"),
        ("<stdin>", "<stdin>:1"),
        ("/srv/\udcff/alerting.py", "?/alerting.py:1"),
        ("<frozen importlib._bootstrap>", ""),
    ],
)
def test_a_place_is_short_and_can_be_written_down(file: str, expected: str) -> None:
    """The last two parts of the path, whatever the file is called; what Python itself runs is no place."""
    names: dict[str, Any] = {"__name__": "alerting", "place_of_caller": place_of_caller}
    exec(compile("place = place_of_caller()", file, "exec"), names)

    assert expected == names["place"]


@pytest.mark.parametrize("module", ["resolute.writing.flow", "resolute_pagerduty.nodes.events"])
def test_frames_of_resolute_and_its_providers_are_no_place(module: str) -> None:
    """A step that a provider's function makes is placed where the author called that function."""
    inner: dict[str, Any] = {"__name__": module, "place_of_caller": place_of_caller}
    exec(compile("def made():\n    return place_of_caller()", "/lib/inner.py", "exec"), inner)
    outer: dict[str, Any] = {"__name__": "alerting", "made": inner["made"]}
    exec(compile("\n\nplace = made()", "/srv/flows/alerting.py", "exec"), outer)

    assert "flows/alerting.py:3" == outer["place"]


def test_a_failed_test_shows_where_the_step_was_written(tmp_path: Path) -> None:
    """What `FlowTester` raises has the place of the step in its notes, which pytest prints."""
    tester = FlowTester(built(tmp_path))
    tester.fails("told", OSError("no network"))
    run = asyncio.run(tester.run())
    with pytest.raises(NodeFailedError) as caught:
        _ = run.result

    assert f"step 'told' was written at {line_of('told')}" in "".join(traceback.format_exception(caught.value))
