"""Flows that wait in every way, and edits of each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

NODES: Final = """
import os
from datetime import timedelta
from pathlib import Path
from pydantic import BaseModel
from resolute import (
    NodeError, Retry, TerminalError, branch, child, current_call, each, flow, gate, input_data, last_turn, manual,
    node, output, repeat, signal, sleep, wait_for,
)

FOLDER = Path(os.environ.get("SEEN", "."))

class Given(BaseModel):
    wake: str

class Event(BaseModel):
    number: int

class Form(BaseModel):
    reason: str

class OtherForm(BaseModel):
    number: int

def note(word):
    with (FOLDER / current_call().run.split("/")[1][:16]).open("a") as seen:
        seen.write(word + chr(10))

def is_open():
    return (FOLDER / "open").exists()

@node
async def write(word: str) -> str:
    note(word)
    return word

@node(retry=Retry(attempts=0, initial=0.3, maximum=0.3))
async def try_again(word: str) -> str:
    if not is_open():
        raise NodeError("the gate is shut")
    note(word)
    return word

@node
async def try_once(word: str) -> str:
    if not is_open():
        raise TerminalError("the gate is shut")
    note(word)
    return word

@node
async def look() -> bool:
    return is_open()

def first_is(word):
    return output("first") == word

def told(step):
    return wait_for(signal("told", Event)).as_(step)
"""
"""What all flows need. What a run calls stands in a file of its name."""

BODY: Final = 'write("body").as_("body")'

WAITS: Final[Mapping[str, str]] = {
    "retry": '.then(try_again("waited").as_("waiting"))',
    "gate": '.then(gate("waiting", ask="go on?", form=Form, approvers=["ada"]))',
    "sleep": ".then(sleep(until=input_data(Given).wake).as_('waiting'))",
    "wait_for": '.then(told("waiting"))',
    "each": f'.then(each([1, 2], lambda item: branch().then(told("item")).then({BODY}), at_once=2).as_("waiting"))',
    "repeat": (
        f'.then(repeat(branch().then(told("turn")).then({BODY}).then(look().as_("looked")), '
        'while_=last_turn(output("looked"), default=False) == False, at_most=3).as_("waiting"))'
    ),
    "child": '.then(child(INNER).as_("waiting"))',
    "hold": '.then(try_once("waited").as_("waiting"))',
}
"""How a flow waits, by the word for it, in its second step."""

CALLED: Final[Mapping[str, list[str]]] = {
    "retry": ["waited"],
    "gate": [],
    "sleep": [],
    "wait_for": [],
    "each": ["body", "body"],
    "repeat": ["body"],
    "child": ["inner"],
    "hold": ["waited"],
}
"""What the second step calls."""

INSIDE: Final = '.then(told("inside"))'
INNER: Final = '.then(write("inner").as_("inner"))'

FIRST: Final = '.then(write("first").as_("first"))'
CHOICE: Final = """.when(first_is("first")).then(write("chosen").as_("chosen")).end_when()"""
ITEMS: Final = '.then(each(["a", "b"], lambda item: write(item), at_once=1).as_("items"))'
TURNS: Final = '.then(repeat(write("turn").as_("turned"), until=output("turned") == "turn", at_most=2).as_("turns"))'
SIGN: Final = '.then(gate("sign", ask="sign?", form=Form, approvers=["ada"]))'
GONE: Final = '.then(write("gone").as_("gone"))'
LAST: Final = '.then(write("last").as_("last"))'

BEHIND: Final = ["chosen", "a", "b", "turn", "gone", "last"]
"""What the steps behind the second one call."""


_ALWAYS: Final[Mapping[str, object]] = {
    **{word: word for word in ("first", "chosen", "gone", "last")},
    "items": ["a", "b"],
    "turns": {"turns": 1, "ended_by": "until", "last": {"turned": "turn"}},
    "sign": {"reason": "tried"},
}

RESULTS: Final[Mapping[str, Mapping[str, object]]] = {
    "retry": {**_ALWAYS, "waiting": "waited"},
    "gate": {**_ALWAYS, "waiting": {"reason": "tried"}},
    "sleep": {**_ALWAYS, "waiting": None},
    "wait_for": {**_ALWAYS, "waiting": {"number": 1}},
    "each": {**_ALWAYS, "waiting": ["body", "body"]},
    "repeat": {
        **_ALWAYS,
        "waiting": {"turns": 1, "ended_by": "while", "last": {"turn": {"number": 1}, "body": "body", "looked": True}},
    },
    "child": {**_ALWAYS, "waiting": {"inside": {"number": 1}, "inner": "inner"}},
    "hold": {**_ALWAYS, "waiting": "waited"},
}
"""The result of each run."""


def lines_of(wait: str) -> list[str]:
    """A flow, a step a line."""
    return [FIRST, WAITS[wait], CHOICE, ITEMS, TURNS, SIGN, GONE, LAST]


def _replaced(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line.replace(old, new) for line in lines]


EXTRA: Final = '.then(write("extra").as_("extra"))'

EDITS: Final[Mapping[str, Callable[[list[str]], list[str]]]] = {
    "insert before": lambda lines: [lines[0], EXTRA, *lines[1:]],
    "insert after": lambda lines: [*lines[:2], EXTRA, *lines[2:]],
    "delete": lambda lines: [lines[0], *(line for line in lines[2:] if line != GONE)],
    "reorder": lambda lines: [lines[0], *lines[:1:-1], lines[1]],
    "rename": lambda lines: [
        line.replace("waiting", "renamed").replace('"last"))', '"final"))').replace('"item"', '"unit"')
        for line in lines
    ],
    "change argument": _replaced('write("', 'write("other '),
    "change condition": lambda lines: [
        line.replace('first_is("first")', 'first_is("never")').replace("== False", "== True") for line in lines
    ],
    "change body": lambda lines: [
        line.replace(BODY, f'write("more").as_("more")).then({BODY}')
        .replace("lambda item: write(item)", 'lambda item: [write(item), write("again").as_("again")]')
        .replace('repeat(write("turn").as_("turned"),', 'repeat([write("turn").as_("turned"), write("once more")],')
        for line in lines
    ],
    "change form": _replaced("form=Form", "form=OtherForm"),
}
"""What is done to a flow while a run of it waits, by what it is."""


def name_of(wait: str, edit: str) -> str:
    """The name of the flow of a cell."""
    return f"{wait}-{edit}".replace(" ", "-").replace("_", "-")


def file_of(*, edited: bool) -> str:
    """The file with a flow for each wait and edit, before or after the edits."""
    parts = [NODES]
    for edit, change in EDITS.items():
        for wait in WAITS:
            name = name_of(wait, edit)
            lines, inner = lines_of(wait), [INSIDE, INNER]
            if edited:
                lines, inner = change(lines), change(inner)
            if wait == "child":
                parts.append(_flow(f"inner-{name}", inner))
            parts.append(_flow(name, [line.replace("INNER", _variable(f"inner-{name}")) for line in lines], wait))
    return "\n".join(parts)


def _variable(name: str) -> str:
    return name.replace("-", "_")


def _flow(name: str, lines: list[str], wait: str = "") -> str:
    options = ', when_stuck="hold"' if wait == "hold" else ""
    trigger = '.triggered_by(manual("go", input=Given))' if wait else '.triggered_by(manual("go"))'
    written = "\n    ".join([f'flow("{name}"{options}){trigger}', *lines, ".build()"])
    return f"{_variable(name)} = (\n    {written}\n)\n"
