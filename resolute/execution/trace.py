"""Where an error came from: the lines of the author's own code, for the person who fixes it."""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, cast

from resolute.writing.places import is_ours

_MOST_FRAMES: Final = 12
_MOST_ERRORS: Final = 5
_LONGEST_LINE: Final = 200
_DECORATORS: Final = 20
"""The most lines of decorators above the line that declares a function."""
_LIBRARIES: Final = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def trace_of(error: BaseException, mask: Callable[[str], str] = str) -> str:
    """The frames of an error in the author's files, and those of its causes and group members.

    Files, lines, functions and their code, innermost last, as Python prints them; the errors' own texts are left out,
    except those of causes. The text is empty if no frame is the author's. `mask` removes secrets from each text before
    it is cut: half a secret would not be found.

    >>> try:
    ...     {}["nope"]
    ... except KeyError as error:
    ...     "in <module>" in trace_of(error)
    True
    """
    lines = _frames(error.__traceback__, mask)
    for label, other in _related(error):
        inner = _frames(other.__traceback__, mask)
        lines += [f"{label} {type(other).__name__}: {_cut(mask(str(other)))}", *inner]
    return "\n".join(lines)


def declared_at(function: Callable[..., object]) -> str:
    """Where the author declared a function, as a frame; an empty text for any other function."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None or is_ours(function.__module__):
        return ""
    lines = range(code.co_firstlineno, code.co_firstlineno + _DECORATORS)
    texts = {line: linecache.getline(code.co_filename, line).strip() for line in lines}
    line = next((line for line, text in texts.items() if text.startswith(("def ", "async def "))), lines[0])
    return f'  File "{_shown(code.co_filename)}", line {line}, in {code.co_name}\n    {_cut(texts[line])}'


def stack_of_thread(thread: int | None, mask: Callable[[str], str] = str) -> str:
    """Where a thread currently is: the author's frames, innermost last; all frames if none is the author's."""
    frame = None if thread is None else sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]  # the documented way
    found = [*traceback.walk_stack(frame)][::-1] if frame else []
    return "\n".join(_lines([each for each in found if _is_the_authors(each[0])] or found, mask))


def _related(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The errors that an error came from: its causes, and the members of a group."""
    waiting: list[tuple[str, BaseException]] = _next(error)
    seen = {id(error)}
    left = _MOST_ERRORS
    while waiting and left:
        label, other = waiting.pop(0)
        if id(other) in seen:
            continue
        seen.add(id(other))
        left -= 1
        yield label, other
        waiting += _next(other)


def _next(error: BaseException) -> list[tuple[str, BaseException]]:
    found: list[tuple[str, BaseException]] = []
    if isinstance(error, BaseExceptionGroup):
        found += [("one of the group:", each) for each in cast("BaseExceptionGroup[BaseException]", error).exceptions]
    if error.__cause__ is not None:
        found.append(("caused by", error.__cause__))
    elif error.__context__ is not None and not error.__suppress_context__:
        found.append(("while handling", error.__context__))
    return found


def _frames(trace: TracebackType | None, mask: Callable[[str], str]) -> list[str]:
    return _lines([each for each in traceback.walk_tb(trace) if _is_the_authors(each[0])], mask)


def _lines(frames: Sequence[tuple[FrameType, int]], mask: Callable[[str], str]) -> list[str]:
    left_out = len(frames) - _MOST_FRAMES
    lines = [f"  ({left_out} more calls)"] if left_out > 0 else []
    for frame, line in frames[-_MOST_FRAMES:]:
        code = frame.f_code
        lines.append(f'  File "{_shown(code.co_filename)}", line {line}, in {code.co_name}')
        text = linecache.getline(code.co_filename, line).strip()
        if text:
            lines.append(f"    {_cut(mask(text))}")
    return lines


def _is_the_authors(frame: FrameType) -> bool:
    if is_ours(frame.f_globals.get("__name__")):
        return False
    file = frame.f_code.co_filename
    return file.startswith("<") or not str(Path(file).resolve()).startswith(_LIBRARIES)


def _shown(file: str) -> str:
    path, current = Path(file), Path.cwd()
    return str(path.relative_to(current)) if path.is_absolute() and path.is_relative_to(current) else file


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}..."
