"""Draws a plan: as Mermaid for documents and pull requests, as indented text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never, cast

from resolute.plan.language import describe
from resolute.plan.kinds.call import Call
from resolute.plan.kinds.parallel import Parallel
from resolute.plan.kinds.when import When
from resolute.plan.plan import Plan
from resolute.plan.step import Step
from resolute.plan.values import Json
from resolute.writing.decision import EVALUATE, PREFIX

_COLOURS: Final[Mapping[str, str]] = {
    "completed": "fill:#d5f5e3,stroke:#1e8449",
    "running": "fill:#fdebd0,stroke:#b9770e",
    "failed": "fill:#fadbd8,stroke:#b03a2e",
    "skipped": "fill:#f4f6f7,stroke:#aab7b8,color:#aab7b8",
}
_MARKS: Final[Mapping[str, str]] = {
    "completed": "✓",
    "running": "…",
    "failed": "✗",
    "skipped": "-",
    "cancelled": "✗",
    "pending": " ",
}

# With the sign that begins Mermaid's own codes for characters.
_CODES: Final = str.maketrans({"#": "#35;", "&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;"})


def outline(plan: Plan, statuses: Mapping[str, str] | None = None) -> str:
    """The plan as indented text; with `statuses` (by step id) each step is marked with how it stands.

    >>> from resolute import flow, manual, node
    >>> @node
    ... async def greet(name: str) -> str:
    ...     return name
    >>> print(outline(flow("greeting").triggered_by(manual("greet")).then(greet("you")).build().plan))
    greeting
      on manual greet
      greet
    """
    lines = [plan.name, *(f"  on {trigger.text}" for trigger in plan.triggers)]
    lines += _text_of(plan.steps, 1, statuses)
    if plan.on_failure:
        lines += ["  on failure", *_text_of(plan.on_failure, 2, statuses)]
    return "\n".join(lines)


def mermaid(plan: Plan, statuses: Mapping[str, str] | None = None) -> str:
    """The plan as a Mermaid flowchart; with `statuses` (by step id) each step is coloured by how it stands."""
    return "\n".join(_Chart(statuses or {}).draw(plan))


def _text_of(steps: tuple[Step, ...], depth: int, statuses: Mapping[str, str] | None) -> list[str]:
    indent, lines = "  " * depth, list[str]()

    def mark(step_id: str) -> str:
        return "" if statuses is None else f"{_MARKS.get(statuses.get(step_id, 'pending'), ' ')} "

    for step in steps:
        match step:
            case Call():
                lines.append(f"{indent}{mark(step.id)}{_label(step)}")
                lines += [f"{indent}  undo: {mark(undo.id)}{_label(undo)}" for undo in step.undo]
            case When():
                lines.append(f"{indent}{mark(step.id)}when {describe(step.condition)}")
                lines += _text_of(step.then, depth + 1, statuses)
                if step.otherwise:
                    lines += [f"{indent}otherwise", *_text_of(step.otherwise, depth + 1, statuses)]
            case Parallel():
                lines.append(f"{indent}{mark(step.id)}in parallel")
                for number, branch in enumerate(step.branches, 1):
                    lines += [f"{indent}  branch {number}", *_text_of(branch, depth + 2, statuses)]
            case _:
                assert_never(step)
    return lines


def _label(call: Call) -> str:
    last = call.node.rsplit(".", 1)[-1]
    if call.node == EVALUATE.name:
        return f"{call.id}: {describe(cast('Json', call.arguments['condition']))}"
    if call.node.startswith(PREFIX):
        _, named, function = call.node.partition(":")
        return f"{call.id}: function {function}" if named else f"{call.id}: function"
    return call.id if last == call.id else f"{call.id}: {call.node}"


class _Chart:
    """Collects the lines of a flowchart. Step ids may hold what Mermaid's may not, so nodes are numbered."""

    def __init__(self, statuses: Mapping[str, str]) -> None:
        self._statuses = statuses
        self._lines = ["flowchart TD"]
        self._count = 0
        self._styles: list[str] = []

    def draw(self, plan: Plan) -> list[str]:
        """The lines of the chart."""
        starts = [self._node(f'(["{_quoted(trigger.text)}"])') for trigger in plan.triggers]
        ends = self._block(plan.steps, [(start, "") for start in starts])
        self._link(ends, self._node('(["end"])'))
        if plan.on_failure:
            self._block(plan.on_failure, [(self._node('(["on failure"])'), "")])
        return [*self._lines, *self._styles]

    def _block(self, steps: tuple[Step, ...], ends: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Draws steps behind `ends`, pairs of a node and the label of the arrow from it; gives the new ends."""
        for step in steps:
            match step:
                case Call():
                    node = self._node(_box(step), step.id)
                    self._link(ends, node)
                    for undo in step.undo:
                        undone_by = self._node(_box(undo), undo.id)
                        self._lines.append(f"    {node} -. undo .-> {undone_by}")
                    ends = [(node, "")]
                case When():
                    node = self._node(f'{{"{_quoted(describe(step.condition))}"}}', step.id)
                    self._link(ends, node)
                    ends = [
                        *self._block(step.then, [(node, "yes")]),
                        *self._block(step.otherwise, [(node, "no")]),
                    ]
                case Parallel():
                    node = self._node('{{"in parallel"}}', step.id)
                    self._link(ends, node)
                    ends = [end for branch in step.branches for end in self._block(branch, [(node, "")])]
                case _:
                    assert_never(step)
        return ends

    def _node(self, shape: str, step_id: str | None = None) -> str:
        name = f"n{self._count}"
        self._count += 1
        self._lines.append(f"    {name}{shape}")
        colour = _COLOURS.get(self._statuses.get(step_id or "", ""))
        if colour:
            self._styles.append(f"    style {name} {colour}")
        return name

    def _link(self, ends: list[tuple[str, str]], node: str) -> None:
        for end, label in ends:
            self._lines.append(f"    {end} -->|{label}| {node}" if label else f"    {end} --> {node}")


def _box(call: Call) -> str:
    return f'["{_quoted(_label(call))}"]'


def _quoted(label: str) -> str:
    """A label as Mermaid takes it between double quotes."""
    return label.translate(_CODES)
