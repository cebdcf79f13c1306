"""A small disk of its own, which can be full."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BLOCK: Final = bytes(64 * 1024)


@dataclass(frozen=True)
class Disk:
    """A folder. `small` says whether it is on a disk of its own: only root can make one."""

    path: Path
    small: bool

    def fill(self) -> None:
        """Uses all of it that is left."""
        with contextlib.suppress(OSError), (self.path / "filler").open("wb", buffering=0) as filler:
            while filler.write(_BLOCK):
                pass

    def empty(self) -> None:
        """Gives back what was used up."""
        (self.path / "filler").unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Generator[Disk]:
    """A disk for the length of a `with`; a plain folder where this process may not make one."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(path)]
    small = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield Disk(path, small)
    finally:
        if small:
            subprocess.run(["umount", "--lazy", str(path)], check=True)
