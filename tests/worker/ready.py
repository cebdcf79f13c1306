"""Commands that need not load anything: each is a fork of a process that has loaded all that commands load.

A command that is started anew spends most of a second of processor time on its imports, and the tests run several
hundred. A fork of `program.py` has the folder, the variables, the arguments and the streams that it is given, loads the
flows itself, and ends by itself: only what Python has loaded before it begins is there already.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

PROGRAM = Path(__file__).with_name("program.py")


class Ready:
    """The process that commands are forks of. It ends with this one."""

    def __init__(self, script: str, variables: Mapping[str, str]) -> None:
        self._folder = tempfile.mkdtemp(prefix="resolute-ready-")
        self._address = f"{self._folder}/door"
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(self._address)
            door.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(door.fileno()), script],
                env={**variables},
                stdin=subprocess.PIPE,  # whose end says that this process is gone
                pass_fds=[door.fileno()],
            )
        atexit.register(self._end)

    async def run(
        self, arguments: Sequence[str], folder: Path, variables: Mapping[str, str], patience: float
    ) -> tuple[int, str, str]:
        """Runs a command: its exit code, what it printed, and what it said on stderr; killed when time is up."""
        letter = json.dumps([[*arguments], str(folder), {**variables}]).encode()
        with socket.socket(socket.AF_UNIX) as door, _stream() as printed, _stream() as said:
            door.connect(self._address)
            socket.send_fds(door, [b"%d\n" % len(letter)], [printed.fileno(), said.fileno()])
            door.sendall(letter)
            door.setblocking(False)
            async with asyncio.timeout(patience):
                pid = await _number(door)
                try:
                    code = await _number(door)
                except BaseException:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    raise
            return code, _text(printed), _text(said)

    def _end(self) -> None:
        with self._process:
            pass  # it ends where its stdin does
        shutil.rmtree(self._folder, ignore_errors=True)


@cache
def ready(script: str, variables: tuple[tuple[str, str], ...]) -> Ready:
    """The one of this process; `variables` are those that Python itself starts with."""
    return Ready(script, dict(variables))


def _stream() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


async def _number(door: socket.socket) -> int:
    line = b""
    while not line.endswith(b"\n"):
        byte = await asyncio.get_running_loop().sock_recv(door, 1)
        assert byte, "the process that commands are forks of has ended"
        line += byte
    return int(line)
