"""Draws a plan as an SVG for documents: it stands alone, and reads well on light and on dark pages.

The ways of a plan fork and join again and never cross, so steps stand below one another, and the blocks inside a step
in a row below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from resolute.plan.picture import Drawn, DrawnBlock, Picture, picture
from resolute.plan.plan import Plan
from resolute.plan.values import digest
from resolute.writing.diagram import MARKS, outline

_LINE: Final = 34
"""Height of a box."""

_GAP: Final = 22
_INSET: Final = 12
_HEADING: Final = 20
_LETTER: Final = 7.4
"""Width of a letter, at most, in the font that is asked for."""

_NARROWEST: Final = 120
_LONGEST: Final = 60
"""Letters of a title in its box; the whole one is shown when it is pointed at."""

_STYLE: Final = (
    "text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:currentColor}"
    ".step rect,.end rect{fill:none;stroke:currentColor}.end rect{stroke-dasharray:2 3}"
    ".block{fill:currentColor;fill-opacity:.04;stroke:currentColor;stroke-opacity:.35;stroke-dasharray:4 4}"
    ".way{stroke:currentColor;stroke-opacity:.6;fill:none}.heading{font-style:italic;opacity:.75}"
    ".completed rect{stroke:#1e8449;stroke-width:2}.failed rect,.cancelled rect{stroke:#c0392b;stroke-width:2.5}"
    ".running rect{stroke:#b9770e;stroke-width:2}.skipped,.pending{opacity:.55}"
    "svg{color:#1c1c1e}@media(prefers-color-scheme:dark){svg{color:#e8e8ea}}"
)

# What XML cannot hold, not even as a reference.
_UNSPEAKABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Size:
    width: float
    height: float


def svg(plan: Plan, statuses: Mapping[str, str] | None = None) -> str:
    """The plan as an SVG document; with `statuses` (by step id) each step shows how it stands.

    >>> from resolute import flow, manual, node
    >>> @node
    ... async def greet(name: str) -> str:
    ...     return name
    >>> svg(flow("greeting").triggered_by(manual("greet")).then(greet("you")).build().plan)[:20]
    '<svg xmlns="http://w'
    """
    return "".join(_Drawing(picture(plan, statuses), outline(plan, statuses)).lines())


class _Drawing:
    """Collects the parts of one document."""

    def __init__(self, drawn: Picture, told: str) -> None:
        self._picture = drawn
        self._told = told

    def lines(self) -> Iterator[str]:
        """The document."""
        parts, y, width = list[str](), float(_INSET), self._width()
        for trigger in self._picture.triggers:
            parts.append(_ending(f"on {trigger}", width, y))
            y += _LINE + _INSET
        parts += self._steps(self._picture.steps, _INSET, y, width, first=bool(self._picture.triggers))
        y += _height(self._picture.steps)
        if self._picture.on_failure:
            parts.append(_ending("on failure", width, y))
            y += _LINE + _INSET
            parts += self._steps(self._picture.on_failure, _INSET, y, width, first=True)
            y += _height(self._picture.on_failure)
        whole = _Size(width + 2 * _INSET, y)
        key = f"flow-{digest(self._told)[:10]}"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole.width:g} {whole.height:g}" '
            f'width="{whole.width:g}" height="{whole.height:g}" role="img" aria-labelledby="{key}-title {key}-desc">\n'
            f'<title id="{key}-title">{_text(self._picture.name)}</title>\n'
            f'<desc id="{key}-desc">{_text(self._told)}</desc>\n<style>{_STYLE}</style>\n'
        )
        yield from (f"{part}\n" for part in parts)
        yield "</svg>\n"

    def _width(self) -> float:
        starts = [_boxed(f"on {trigger}") for trigger in self._picture.triggers]
        return max([_NARROWEST, *starts, _width(self._picture.steps), _width(self._picture.on_failure)])

    def _steps(self, steps: tuple[Drawn, ...], x: float, y: float, width: float, *, first: bool) -> Iterator[str]:
        """Steps below one another, in the middle of a column."""
        middle = x + width / 2
        for number, drawn in enumerate(steps):
            if number or first:
                above = _GAP if number else _INSET
                yield f'<path class="way" d="M{middle:g} {y - above:g}V{y:g}"/>'
            size = _size(drawn)
            yield _box(drawn, middle, y)
            below = y + _LINE + _INSET
            left = middle - size.width / 2
            for block in _shown(drawn):
                inner = _block_size(block)
                yield from self._block(block, left, below, inner)
                left += inner.width + _INSET
            y += size.height + _GAP

    def _block(self, block: DrawnBlock, x: float, y: float, size: _Size) -> Iterator[str]:
        frame = f'x="{x:g}" y="{y:g}" width="{size.width:g}" height="{size.height:g}"'
        yield f'<rect class="block {block.role}" {frame} rx="6"/>'
        yield f'<text class="heading" x="{x + _INSET:g}" y="{y + 15:g}">{_text(_cut(_named(block)))}</text>'
        yield from self._steps(block.steps, x + _INSET, y + _HEADING + 6, size.width - 2 * _INSET, first=False)


def _box(drawn: Drawn, middle: float, y: float) -> str:
    step, said = drawn.step, _said(drawn)
    width = _boxed(said)
    place = f'x="{middle - width / 2:g}" y="{y:g}" width="{width:g}" height="{_LINE}"'
    round_ = {"rounded": 17, "diamond": 0, "hexagon": 12}.get(step.figure, 4)
    return (
        f'<g class="step {drawn.state} {step.figure}" data-step={quoteattr(_speakable(step.id))}>'
        f'<title>{_text(step.title)}</title><rect {place} rx="{round_}"/>'
        f'<text x="{middle:g}" y="{y + 21:g}" text-anchor="middle">{_text(_cut(said))}</text></g>'
    )


def _ending(said: str, width: float, y: float) -> str:
    box, middle = _boxed(said), _INSET + width / 2
    return (
        f'<g class="end"><rect x="{middle - box / 2:g}" y="{y:g}" width="{box:g}" height="{_LINE}" rx="17"/>'
        f'<text x="{middle:g}" y="{y + 21:g}" text-anchor="middle">{_text(_cut(said))}</text></g>'
    )


def _said(drawn: Drawn) -> str:
    mark = MARKS.get(drawn.state, "").strip() if drawn.state else ""
    lead = "when " if drawn.step.figure == "diamond" else ""
    return f"{mark} {lead}{drawn.step.title}".strip()


def _named(block: DrawnBlock) -> str:
    return block.heading or block.arrow or block.role


def _shown(drawn: Drawn) -> list[DrawnBlock]:
    """The blocks of a step that hold something."""
    return [block for block in drawn.blocks if block.steps]


def _size(drawn: Drawn) -> _Size:
    """How much room a step takes, with what is in it."""
    blocks = [_block_size(block) for block in _shown(drawn)]
    row = sum(each.width for each in blocks) + _INSET * max(0, len(blocks) - 1)
    inside = max((each.height for each in blocks), default=0)
    return _Size(max(_boxed(_said(drawn)), row), _LINE + (_INSET + inside if blocks else 0))


def _block_size(block: DrawnBlock) -> _Size:
    width = max(_width(block.steps), len(_cut(_named(block))) * _LETTER)
    return _Size(width + 2 * _INSET, _HEADING + 6 + _height(block.steps) - _GAP + _INSET)


def _width(steps: tuple[Drawn, ...]) -> float:
    return max((_size(each).width for each in steps), default=0)


def _height(steps: tuple[Drawn, ...]) -> float:
    return sum(_size(each).height + _GAP for each in steps)


def _boxed(said: str) -> float:
    return max(_NARROWEST, len(_cut(said)) * _LETTER + 2 * _INSET)


def _cut(said: str) -> str:
    flat = " ".join(said.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"


def _speakable(text: str) -> str:
    return _UNSPEAKABLE.sub("�", text)


def _text(text: str) -> str:
    return escape(_speakable(text))
