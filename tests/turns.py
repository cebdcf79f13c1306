"""Turns of tests in several processes: one that measures how quick things are has the machine to itself."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_DOOR: Final = Path(__file__)
_ROOM: Final = Path(__file__).with_name("conftest.py")


@contextmanager
def turn(*, alone: bool, door: Path = _DOOR, room: Path = _ROOM) -> Generator[None]:
    """Waits for a place beside the other processes; `alone`, until none of them is at work, and keeps them out.

    Both are files that exist, and are only locked. Whoever waits for the room holds the door, so that a test that wants
    to be alone gets its turn although others come and go.
    """
    with _locked(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, through=door):
        yield


@contextmanager
def _locked(file: Path, how: int, through: Path | None = None) -> Generator[None]:
    opened = os.open(file, os.O_RDONLY)
    try:
        if through is None:
            fcntl.flock(opened, how)
        else:
            with _locked(through, fcntl.LOCK_EX):
                fcntl.flock(opened, how)
        yield
    finally:
        fcntl.flock(opened, fcntl.LOCK_UN)  # also where a process that was forked meanwhile still has it open
        os.close(opened)
