"""Why no server can use a state folder, judging by the folder and the server's last log lines."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from resolute.plan.errors import ConfigurationError

_ROOM: Final = 1024 * 1024
"""Bytes that must be free on the disk: what the server writes at a time, and some more."""

_DAMAGED: Final = ("malformed", "not a database", "no such table", "no such column", "unable to open database file")
"""What SQLite says about a damaged database file."""


def trouble_in(folder: Path, last_words: str) -> ConfigurationError | None:
    """What somebody has to do before a server can use a folder, or None if the folder is not the cause.

    `last_words` are the last log lines of the server that did not start.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(_ROOM))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return folder_error(folder, error)
    return damage_in(folder, last_words)


def damage_in(folder: Path, last_words: str) -> ConfigurationError | None:
    """The error for a database that no server can read, if the server's last log lines are about that."""
    damage = next((words for words in _DAMAGED if words in last_words), None)
    if damage is None:
        return None
    return ConfigurationError(
        f"the database of the embedded Temporal server in {folder} is damaged ({damage}): restore a backup of that "
        "folder, or move it away to start with an empty one, without its runs"
    )


def folder_error(folder: Path, error: OSError) -> ConfigurationError:
    """A system error about a state folder, with what to do about it."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            reason, advice = "is on a disk that is full", "free some space; nothing that was accepted is lost"
        case errno.EFBIG:
            reason, advice = "takes no file of the size needed", "raise the limit (ulimit -f)"
        case errno.EROFS:
            reason, advice = "is on a file system that is read-only", "make it writable"
        case errno.EACCES | errno.EPERM:
            reason, advice = "is not writable by the user of this process", "make it so"
        case _:
            reason, advice = f"cannot be used ({error.strerror})", "make it a folder that can be written"
    return ConfigurationError(
        f"the state folder {folder} {reason}: {advice}, or set RESOLUTE_STATE_DIR to another folder"
    )


def owner_error(folder: Path, owner: str) -> ConfigurationError:
    """The error for a folder of another user, who could read and change every run in it."""
    return ConfigurationError(
        f"the state folder {folder} belongs to {owner}: run as that user, "
        f"or set RESOLUTE_STATE_DIR to a folder of your own ({folder / 'resolute'}, where you may create it)"
    )
