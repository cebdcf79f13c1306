"""Standard streams that nobody has to read: a log line that cannot be written is dropped and blocks nothing."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Dropping(io.FileIO):
    """A file whose reader may be gone."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Writes what can be written, and reports that it was everything."""
        try:
            written = super().write(data)
        except OSError:  # a closed pipe, a terminal that is gone, a full disk
            written = None
        return memoryview(data).nbytes if written is None else written


@contextlib.contextmanager
def unbreakable_streams() -> Generator[None]:
    """Turns the process's stdout and stderr into such streams for the length of a `with`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_unbreakable(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def _unbreakable(stream: TextIO | None) -> TextIO:
    if stream is None:  # it was closed before Python started
        return Path(os.devnull).open("w", encoding="utf-8")
    try:
        stream.flush()
        file = _Dropping(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):  # a stand-in without a file, as in tests
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file), encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )


def open_missing_streams() -> None:
    """Gives a process that was started without stdin, stdout or stderr ones that lead nowhere.

    Otherwise the next file or socket would get that number, and printing would write into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout, sys.stderr = sys.stdout or _opened(1), sys.stderr or _opened(2)


def _opened(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", closefd=False)
