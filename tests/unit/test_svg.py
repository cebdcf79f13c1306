"""A plan as an SVG: every step is there once, nothing overlaps, and whatever a title holds it stays well-formed."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute import Flow, branch, each, flow, gate, manual, node, repeat
from resolute.plan.step import walk
from resolute.writing.svg import svg
from tests.contract.catalogue import SCENARIOS

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]


@node
async def look(what: str) -> bool:
    return bool(what)


def nested() -> Flow:
    """A flow with blocks inside blocks, side by side."""
    first = look("first").as_("first")
    told = gate("approve", approvers=["ada"], notify=lambda link: look(link).as_("told"))
    return (
        flow("nested")
        .triggered_by(manual("go"))
        .then(first)
        .when(first.output)
            .then_parallel(look("left").as_("left"), each(["a"], lambda item: look(item).as_("item")).as_("each"))
        .otherwise()
            .then(repeat(branch().then(look("turn").as_("turn")), until=first.output, at_most=3).as_("again"))
        .end_when()
        .then(told)
        .on_failure(look("undone").as_("undone"))
        .build()
    )  # fmt: skip


DRAWN = [nested(), *[scenario.flow for scenario in SCENARIOS]]


def parsed(built: Flow, statuses: dict[str, str] | None = None) -> ElementTree.Element:
    """The document, which has to be well-formed."""
    return ElementTree.fromstring(svg(built.plan, statuses))  # our own drawing


def boxes(drawn: ElementTree.Element) -> dict[str, Box]:
    """The box of each step: left, top, right, bottom."""
    found: dict[str, Box] = {}
    for group in drawn.iter(f"{SVG}g"):
        step, rect = group.get("data-step"), group.find(f"{SVG}rect")
        if step is not None and rect is not None:
            assert step not in found, f"{step} is drawn twice"
            found[step] = _box(rect)
    return found


def _box(rect: ElementTree.Element) -> Box:
    x, y, width, height = (float(rect.get(name, "nan")) for name in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes have room in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("built", DRAWN, ids=lambda built: built.name)
def test_each_step_is_drawn_once_and_none_overlaps(built: Flow) -> None:
    """Each step has one box, inside the picture, and no box covers another."""
    drawn = parsed(built)
    found = boxes(drawn)
    width, height = (float(each) for each in drawn.get("viewBox", "").split()[2:])

    assert {step.id for step in walk((*built.plan.steps, *built.plan.on_failure))} == set(found)
    placed = list(found.items())
    covered = [(a, b) for i, (a, one) in enumerate(placed) for b, other in placed[i + 1 :] if overlap(one, other)]
    assert [] == covered
    assert all(0 <= x and 0 <= y and right <= width and bottom <= height for x, y, right, bottom in found.values())


def test_blocks_are_inside_one_another_or_apart() -> None:
    """Two frames never cross, and a step of a block is in its frame."""
    drawn = parsed(nested())
    frames = [_box(rect) for rect in drawn.iter(f"{SVG}rect") if "block" in rect.get("class", "")]

    for number, one in enumerate(frames):
        for other in frames[number + 1 :]:
            assert not overlap(one, other) or _within(one, other) or _within(other, one)
    assert any(_within(boxes(drawn)["turn"], frame) for frame in frames)


def _within(one: Box, other: Box) -> bool:
    return other[0] <= one[0] and other[1] <= one[1] and one[2] <= other[2] and one[3] <= other[3]


@given(st.text())
def test_whatever_a_title_holds_it_stays_well_formed(title: str) -> None:
    """Markup, quotes and control characters of a stranger's text are text, and begin nothing."""
    plan = nested().plan.model_copy(update={"name": title})

    drawn = ElementTree.fromstring(svg(plan))  # our own drawing

    assert [] == [each for each in drawn.iter() if "script" in each.tag.lower()]


def test_it_says_what_it_shows() -> None:
    """Who cannot see it reads its title and the same outline as a terminal shows."""
    drawn = parsed(nested())
    texts = {child.get("id"): child.text or "" for child in drawn}
    labelled = str(drawn.get("aria-labelledby")).split()

    assert ("img", "nested") == (drawn.get("role"), texts[labelled[0]])
    assert "undone" in texts[labelled[1]]


def test_how_a_step_stands_is_not_said_by_colour_alone() -> None:
    """A step that has failed has a mark before its title."""
    drawn: Any = parsed(nested(), {"first": "failed", "told": "completed"})
    said = {group.get("data-step"): group.find(f"{SVG}text").text for group in drawn.iter(f"{SVG}g")}

    assert said["first"].startswith("✗ ")
