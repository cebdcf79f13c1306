"""Folders that only one user of the machine can access."""

from __future__ import annotations

import stat
from pathlib import Path


def private_folder(path: Path) -> Path:
    """The folder, which only this user may enter (mode 0700): created if it is missing, else closed to others.

    Raises:
        OSError: it cannot be created, or belongs to another user.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)
    return path
