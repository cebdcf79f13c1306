"""Makes pages: templates in which every value is masked and escaped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from resolute.plan.described import describe
from resolute.plan.values import Json
from resolute_worker.board.assets import Asset
from resolute_worker.boarding import BOARD

FOLD: Final = 600
"""Characters of a value that are shown before it is folded."""

MARKS: Final[Mapping[str, str]] = {
    "completed": "✓",
    "running": "▶",
    "held": "‖",
    "failed": "✗",
    "skipped": "-",
    "cancelled": "⊘",
    "terminated": "⊘",
    "timed_out": "⧖",
    "pending": "·",
    "unread": "…",
    "paused": "‖",
    "braked": "■",
    "triggered": "✗",
    "acknowledged": "▶",
    "paged": "✗",
    "resolved": "✓",
    "broken": "✗",
    "over budget": "!",
    "muted": "🔇",
    "late": "⧖",
    "dry": "≈",
    "damped": "·",
    "quiet": "✓",
}
"""A sign for each state, which stands before its word: no state is told by its colour alone."""


_BASE: Final = Markup(BOARD)  # noqa: S704  # a constant of ours


class Pages:
    """The templates of the board."""

    def __init__(self, mask: Callable[[str], str], known: Mapping[str, Asset]) -> None:
        def masked(value: Any) -> Any:
            if isinstance(value, (Markup, int, float)):
                return value
            return "" if value is None else mask(str(value))

        self._mask = mask
        self._made = Environment(
            loader=PackageLoader("resolute_worker.board"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=masked,
            auto_reload=False,
        )
        self._made.filters.update(moment=moment, lasted=lasted, json=self._json, spoken=spoken, state=self._state)
        self._made.filters["seconds"] = duration
        self._made.filters["asset"] = lambda name: BOARD + known[str(name)].address

    def prepare(self) -> None:
        """Compiles every template, so that nobody who opens a first page waits for it."""
        for name in self._made.list_templates():
            self._made.get_template(name)

    def text(self, name: str, values: Mapping[str, Any]) -> str:
        """A page by the name of its template."""
        return self._made.get_template(f"{name}.html").render({"base": _BASE, "fold": FOLD, **values})

    def _json(self, value: Any) -> str:
        """A value as indented JSON; what the worker reads for it is said by its name."""
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)

    def _state(self, state: str) -> Markup:
        return _state(state) if state in MARKS else _state(self._mask(state))


@lru_cache(maxsize=256)
def _state(state: str) -> Markup:
    """How something stands: a sign, and its word."""
    word, mark = state.replace("_", " "), MARKS.get(state, "·")
    return Markup('<span class="state {}"><i aria-hidden="true">{}</i> {}</span>').format(_class(state), mark, word)


def _class(state: str) -> str:
    return "s-" + state.replace(" ", "-").replace("_", "-")


def moment(at: datetime | str | None) -> Markup:
    """A time: in UTC as it stands here, in the reader's own zone once the page's script has seen it."""
    if not at:
        return Markup("")
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    utc = known.astimezone(UTC)
    today = utc.date() == datetime.now(UTC).date()
    shown = f"{utc:%H:%M:%S} UTC" if today else f"{utc:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(timespec="milliseconds"), f"{utc:%Y-%m-%d %H:%M:%S}", shown
    )


def lasted(began: datetime | None, ended: datetime | None = None) -> Markup:
    """How long something took, or has taken until now."""
    if began is None:
        return Markup("")
    text = duration(((ended or datetime.now(UTC)) - began).total_seconds())
    if ended is not None:
        return escape(text)
    return Markup('<span data-since="{}">{}</span>').format(began.astimezone(UTC).isoformat(), text)


def duration(seconds: float) -> str:
    """A length of time in its two largest units.

    >>> duration(0.25), duration(75), duration(7260)
    ('0.3 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    for name, size, lesser, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {lesser}" if rest else "")
    return f"{whole} s"


def spoken(value: object) -> str:
    """A value of a run in a line."""
    return describe(cast("Json", value))
