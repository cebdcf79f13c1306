"""PostgreSQL for as long as a benchmark needs it, as Debian's package installs it, with its own settings."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

from benchmarks.servers import HOST, free_port

_DEBIAN = Path("/usr/lib/postgresql")


def program(name: str) -> str:
    """Where a program of PostgreSQL's stands; Debian keeps them beside the path.

    Raises:
        FileNotFoundError: it is not installed; says what to install.
    """
    newest = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]), reverse=True)
    found = shutil.which(name) or (str(newest[0]) if newest else None)
    if found is None:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return found


@contextlib.contextmanager
def postgres(folder: Path) -> Generator[str]:
    """A server on loopback whose database is in a folder; gives the URL of an empty database. It commits to disk.

    Raises:
        FileNotFoundError: it is not installed.
        RuntimeError: it does not start; says why.
    """
    initdb, control = program("initdb"), program("pg_ctl")
    folder.mkdir()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root; Debian's package has made it a user of its own
        shutil.chown(folder, "postgres")
        folder.parent.chmod(0o711)
    port, data = free_port(), str(folder / "data")
    _do(initdb, "-D", data, "-A", "trust", "-U", "bench")
    _do(control, "-D", data, "-l", f"{folder}/log", "-o", f"-h {HOST} -p {port} -k {folder}", "-w", "start")
    try:
        yield f"postgresql+psycopg://bench@{HOST}:{port}/postgres"
    finally:
        _do(control, "-D", data, "-m", "fast", "-w", "stop")


def _do(*command: str) -> None:
    user = "postgres" if os.geteuid() == 0 else None
    # A file: the server inherits it, and would keep a pipe open.
    said = Path(command[2]).with_name("said")
    with said.open("wb") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, user=user, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {said.read_text()[-500:]}")
