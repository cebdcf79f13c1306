"""When flows were released, according to their files: never according to the start of a process.

A worker that restarts with old code must keep its old release; otherwise it would undo a newer deployment.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
"""The release of flows without files, such as those of an interactive session."""


def release_of(files: Sequence[Path]) -> datetime:
    """The time of the commit that all files are from, or of the newest file if they were changed since."""
    newest = max((_changed_at(file) for file in files if file.exists()), default=BEGINNING)
    committed = _committed_at(files)
    return committed or newest


def _changed_at(file: Path) -> datetime:
    return datetime.fromtimestamp(int(file.stat().st_mtime), UTC)


def _committed_at(files: Sequence[Path]) -> datetime | None:
    """The time of the checked-out commit; None if git is missing, or a file differs from the commit."""
    if not files:
        return None
    folder, names = files[0].parent, [str(file) for file in files]
    changes = _git(folder, "status", "--porcelain", "--untracked-files=all", "--ignored", "--", *names)
    if changes != "":
        return None
    time = _git(folder, "log", "-1", "--format=%cI")
    return datetime.fromisoformat(time).astimezone(UTC) if time else None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  # no shell; the arguments are ours and the paths of flow files
            ["git", "-C", str(folder), *arguments],  # noqa: S607  # the git of the user, as everywhere
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
