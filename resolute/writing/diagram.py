"""Draws a plan: as Mermaid for documents and pull requests, as indented text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from resolute.plan.picture import Drawn, DrawnBlock, picture
from resolute.plan.plan import Plan
from resolute.plan.step import Figure

_COLOURS: Final[Mapping[str, str]] = {
    "completed": "fill:#d5f5e3,stroke:#1e8449",
    "running": "fill:#fdebd0,stroke:#b9770e",
    "failed": "fill:#fadbd8,stroke:#b03a2e",
    "skipped": "fill:#f4f6f7,stroke:#aab7b8,color:#aab7b8",
}
MARKS: Final[Mapping[str, str]] = {
    "completed": "✓",
    "running": "…",
    "failed": "✗",
    "skipped": "-",
    "cancelled": "✗",
    "pending": " ",
}

_FIGURES: Final[Mapping[Figure, str]] = {
    "box": '["{}"]',
    "diamond": '{{"{}"}}',
    "hexagon": '{{{{"{}"}}}}',
    "rounded": '(["{}"])',
    "framed": '[["{}"]]',
}

_LEADS: Final[Mapping[Figure, str]] = {"diamond": "when "}
"""What stands before the title of a step in text, where a chart says it by the figure."""

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
    drawn = picture(plan, statuses)
    lines = [drawn.name, *(f"  on {trigger}" for trigger in drawn.triggers), *_text_of(drawn.steps, 1)]
    if drawn.on_failure:
        lines += ["  on failure", *_text_of(drawn.on_failure, 2)]
    return "\n".join(lines)


def mermaid(plan: Plan, statuses: Mapping[str, str] | None = None) -> str:
    """The plan as a Mermaid flowchart; with `statuses` (by step id) each step is coloured by how it stands."""
    return "\n".join(_Chart().draw(plan, statuses))


def _text_of(steps: tuple[Drawn, ...], depth: int) -> list[str]:
    indent, lines = "  " * depth, list[str]()
    for drawn in steps:
        lines.append(f"{indent}{_mark(drawn)}{_LEADS.get(drawn.step.figure, '')}{drawn.step.title}")
        for block in drawn.blocks:
            match block.role:
                case "choice":
                    if block.steps:
                        lines += [f"{indent}{block.heading}"] if block.heading else []
                        lines += _text_of(block.steps, depth + 1)
                case "branch":
                    lines += [f"{indent}  {block.heading}", *_text_of(block.steps, depth + 2)]
                case "loop":
                    lines += _text_of(block.steps, depth + 1)
                case "side":
                    for inner in block.steps:
                        first, *rest = _text_of((inner,), 0)
                        lines += [f"{indent}  {block.heading}: {first}", *(f"{indent}  {line}" for line in rest)]
                case _:
                    assert_never(block.role)
    return lines


def _mark(drawn: Drawn) -> str:
    return f"{MARKS.get(drawn.state, ' ')} " if drawn.state else ""


class _Chart:
    """Collects the lines of a flowchart. Step ids may hold what Mermaid's may not, so nodes are numbered."""

    def __init__(self) -> None:
        self._lines = ["flowchart TD"]
        self._count = 0
        self._styles: list[str] = []

    def draw(self, plan: Plan, statuses: Mapping[str, str] | None) -> list[str]:
        """The lines of the chart."""
        drawn = picture(plan, statuses)
        starts = [self._node(f'(["{_quoted(trigger)}"])') for trigger in drawn.triggers]
        ends = self._block(drawn.steps, [(start, "") for start in starts])
        self._link(ends, self._node('(["end"])'))
        if drawn.on_failure:
            self._block(drawn.on_failure, [(self._node('(["on failure"])'), "")])
        return [*self._lines, *self._styles]

    def _block(self, steps: tuple[Drawn, ...], ends: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Draws steps behind `ends`, pairs of a node and the label of the arrow from it; gives the new ends."""
        for drawn in steps:
            node = self._step(drawn)
            self._link(ends, node)
            after = [self._inside(block, node) for block in drawn.blocks]
            ends = [end for each in after if each is not None for end in each]
            if all(each is None for each in after):
                ends = [(node, "")]
        return ends

    def _inside(self, block: DrawnBlock, node: str) -> list[tuple[str, str]] | None:
        """Draws a block of a step; gives its ends, or None where the way does not go on behind it."""
        match block.role:
            case "choice" | "branch":
                return self._block(block.steps, [(node, block.arrow)])
            case "loop":
                self._link(self._block(block.steps, [(node, block.arrow)]), node)
                return None
            case "side":
                for drawn in block.steps:
                    self._lines.append(f"    {node} -. {block.heading} .-> {self._step(drawn)}")
                return None
            case _:
                assert_never(block.role)

    def _step(self, drawn: Drawn) -> str:
        return self._node(_FIGURES[drawn.step.figure].format(_quoted(drawn.step.title)), drawn.state)

    def _node(self, shape: str, state: str = "") -> str:
        name = f"n{self._count}"
        self._count += 1
        self._lines.append(f"    {name}{shape}")
        if colour := _COLOURS.get(state):
            self._styles.append(f"    style {name} {colour}")
        return name

    def _link(self, ends: list[tuple[str, str]], node: str) -> None:
        for end, label in ends:
            self._lines.append(f"    {end} -->|{label}| {node}" if label else f"    {end} --> {node}")


def _quoted(label: str) -> str:
    """A label as Mermaid takes it between double quotes."""
    return label.translate(_CODES)
