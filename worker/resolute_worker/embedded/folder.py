"""The folder in which the embedded server keeps its state; one server at a time works in it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from pathlib import Path
from typing import IO, Final, Self

from resolute.plan.errors import ConfigurationError

_LEAVING: Final = 3.0
"""Seconds that the server of a worker which was killed may need to end."""


class StateFolder:
    """The state of one server, locked for the length of an `async with`.

    Raises (on entering):
        ConfigurationError: another server uses the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()

    @property
    def database(self) -> Path:
        """The server's database."""
        return self.path / "temporal.db"

    @property
    def log_file(self) -> Path:
        """Where the server's own log lines go."""
        return self.path / "temporal.log"

    async def __aenter__(self) -> Self:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # inputs and outputs of runs are in it
        try:
            self.lock = await self._locked()
            self.log: IO[bytes] = self._stack.enter_context(self.log_file.open("ab"))
        except BaseException:
            self._stack.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stack.close()

    async def _locked(self) -> int:
        file = self._stack.enter_context((self.path / "temporal.lock").open("ab"))
        deadline = asyncio.get_running_loop().time() + _LEAVING
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # The server of a worker that was killed needs a moment to end.
                if asyncio.get_running_loop().time() < deadline:
                    await asyncio.sleep(0.05)
                    continue
                raise ConfigurationError(
                    f"another Temporal server uses {self.path}: stop it, "
                    "or set RESOLUTE_STATE_DIR to another folder and RESOLUTE_EMBEDDED_PORT to another port"
                ) from None
            return file.fileno()

    def last_words(self) -> str:
        """What the server logged last."""
        lines = self.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"it logged nothing to {self.log_file}"
