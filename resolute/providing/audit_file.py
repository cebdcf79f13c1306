"""A file of lines that several processes append to: no line is torn or lost, and the file does not grow forever."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

_OWNER: Final = 0o600
_LONGEST_LINE: Final = 1_000_000


class LineFile:
    """Lines in a file that only its owner can read, each appended as a whole.

    A process that appends to the file or rotates it holds the lock of a file `.lock` next to it. Programs such as
    logrotate need not: they may rename the file at any time. A path that is not a regular file, such as `/dev/stdout`,
    is written to and never rotated.
    """

    def __init__(self, path: Path, *, largest: int = 0, kept: int = 0) -> None:
        self.path = path
        self._largest = largest
        self._kept = kept

    def prepare(self) -> None:
        """Creates the file and its folder, and removes other users' permission to read it.

        Raises:
            OSError: it cannot be written, or its permissions cannot be changed.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(), self._opened():
            pass

    def append(self, line: bytes) -> None:
        """Appends a line.

        Raises:
            OSError: it cannot be written; no part of it is in the file.
        """
        with self._locked():
            self._make_room(len(line) + 1)
            with self._opened() as file:
                _append(file, line)

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Every line with its place, oldest file first. One that is still being written is left out.

        Raises:
            OSError: a file cannot be read.
        """
        with contextlib.ExitStack() as stack:
            for file in self._all_of_now(stack):
                number = 0
                while line := file.readline(_LONGEST_LINE):
                    number += 1
                    if line.endswith(b"\n"):
                        yield f"{file.name}:{number}", line
                    elif len(line) == _LONGEST_LINE:
                        yield f"{file.name}:{number}", b""  # not one of our lines
                        while (line := file.readline(_LONGEST_LINE)) and not line.endswith(b"\n"):
                            pass

    def _all_of_now(self, stack: contextlib.ExitStack) -> list[BinaryIO]:
        """The files, oldest first, opened while nobody rotates one."""
        with self._locked() if self._lock.exists() else contextlib.nullcontext():
            aside = self._aside()
            paths = [*reversed(aside), *([self.path] if self.path.exists() or not aside else [])]
            return [stack.enter_context(path.open("rb")) for path in paths]

    def _aside(self) -> list[Path]:
        """The rotated files, newest first."""
        found: list[Path] = []
        while (path := self._numbered(len(found) + 1)).exists():
            found.append(path)
        return found

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        if sys.platform == "win32" or (self.path.exists() and not self.path.is_file()):
            yield
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            file = os.open(self._lock, flags, _OWNER)
        except PermissionError:  # the worker may not create a file in this folder: everybody locks the log itself
            file = os.open(self.path, flags, _OWNER)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)  # which also releases the lock

    @contextlib.contextmanager
    def _opened(self) -> Generator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), _OWNER)
        try:
            status = os.fstat(file)
            if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) != _OWNER and sys.platform != "win32":
                os.fchmod(file, _OWNER)
            yield file
        finally:
            os.close(file)

    def _make_room(self, needed: int) -> None:
        """Rotates a full file, and removes the oldest if there are too many. The caller holds the lock."""
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return
        full = self._largest and status.st_size and status.st_size + needed > self._largest
        if not full or not stat.S_ISREG(status.st_mode):
            return
        try:
            self._put_aside()
        except PermissionError as error:  # a growing file is better than a worker that sends nothing
            self._largest = 0
            log.warning("%s is full and cannot be rotated (%s): it keeps growing", self.path, error.strerror)

    def _put_aside(self) -> None:
        for number in range(len(self._aside()), 0, -1):
            if number >= self._kept:
                self._numbered(number).unlink()
            else:
                self._numbered(number).rename(self._numbered(number + 1))
        with contextlib.suppress(FileNotFoundError):  # another program was faster
            if self._kept:
                self.path.rename(self._numbered(1))
            else:
                self.path.unlink()


def _append(file: int, line: bytes) -> None:
    status = os.fstat(file)
    plain = stat.S_ISREG(status.st_mode)
    # Ends a half-written line that a crash left, so that only that one is lost.
    torn = plain and status.st_size > 0 and os.pread(file, 1, status.st_size - 1) != b"\n"
    rest = memoryview((b"\n" if torn else b"") + line + b"\n")
    try:
        while rest:
            rest = rest[os.write(file, rest) :]
    except OSError:
        if plain:
            with contextlib.suppress(OSError):  # then the half-written line stays, and the next write ends it
                os.ftruncate(file, status.st_size)
        raise
