"""The folder in which the embedded server keeps its state; only one server at a time uses it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pwd
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import IO, Final, Self

from resolute.plan.errors import ConfigurationError
from resolute_worker.embedded.trouble import folder_error, owner_error
from resolute_worker.private import private_folder

_LEAVING: Final = 3.0
"""Seconds that the server of a killed worker may need to end."""

_LONGEST_LOG: Final = 10 * 1024 * 1024

_DRAFT: Final = "new"
_RESTORING: Final = "restoring"
_PASSING: Final = ("temporal.lock", "temporal.log", "temporal.db", "plan.keys.", _DRAFT, _RESTORING)
"""How the names of files begin that mean nothing without the process that wrote them, or are read another way."""


class StateFolder:
    """The state of one server, locked for the length of an `async with`.

    Raises (on entering):
        ConfigurationError: another server uses the folder, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()

    @property
    def database(self) -> Path:
        """The server's database. It exists only once it is complete."""
        return self.path / "temporal.db"

    @property
    def is_new(self) -> bool:
        """Whether no server has ever been set up here; a killed start leaves an empty file."""
        return not self.database.exists() or (self.database.stat().st_size == 0 and not self._beside("-wal").exists())

    @property
    def log_file(self) -> Path:
        """The file for the server's own log lines."""
        return self.path / "temporal.log"

    async def __aenter__(self) -> Self:
        try:
            if self.path.exists():
                _check_owner(self.path)
            private_folder(self.path)  # it contains inputs and outputs of runs
            self.lock = await self._locked()
            if self.log_file.exists() and self.log_file.stat().st_size > _LONGEST_LOG:
                self.log_file.replace(self.log_file.with_suffix(".log.1"))
            self.log: IO[bytes] = self._stack.enter_context(self.log_file.open("ab"))
        except OSError as error:
            self._stack.close()
            raise folder_error(self.path, error) from None
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
            except BlockingIOError:
                # The server of a killed worker needs a moment to end.
                if asyncio.get_running_loop().time() < deadline:
                    await asyncio.sleep(0.05)
                    continue
                raise ConfigurationError(
                    f"another Temporal server uses {self.path}: stop it, "
                    "or set RESOLUTE_STATE_DIR to another folder and RESOLUTE_EMBEDDED_PORT to another port"
                ) from None
            return file.fileno()

    @contextlib.contextmanager
    def draft(self) -> Generator[Path]:
        """A database to set up for the length of a `with`; it becomes the folder's own if that succeeds.

        The server takes any file that it finds for a complete database, so it could never start again after being
        killed during setup. No process may have the draft open at the end.
        """
        aside = self.path / _DRAFT
        shutil.rmtree(aside, ignore_errors=True)  # from a killed start
        aside.mkdir(mode=0o700)
        draft = aside / self.database.name
        yield draft
        for suffix in ("-shm", "-wal"):
            self._beside(suffix).unlink(missing_ok=True)
        # The database last: until it exists, the next start sets it up again.
        for suffix in ("-wal", ""):
            part = draft.with_name(draft.name + suffix)
            if part.exists():
                sync(part)
                part.replace(self.path / part.name)
                sync(self.path)
        shutil.rmtree(aside, ignore_errors=True)

    def kept_files(self) -> list[str]:
        """What has to be kept with the database, such as the keys that seal plans; paths inside the folder."""
        found = (file for file in sorted(self.path.rglob("*")) if file.is_file() and not file.is_symlink())
        names = (file.relative_to(self.path).as_posix() for file in found)
        return [name for name in names if not name.startswith(_PASSING)]

    def is_half_restored(self) -> bool:
        """Whether a restore into this folder was interrupted."""
        return (self.path / _RESTORING).exists()

    @contextlib.contextmanager
    def restored(self) -> Generator[Path]:
        """A folder to put a backup's files in for the length of a `with`; if that succeeds, they become this folder's.

        The database comes last. Until then no server starts here, so none begins with an empty one.
        """
        aside = self.path / _RESTORING
        again = self.is_half_restored()
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        try:
            yield aside
        except BaseException:
            if not again:
                shutil.rmtree(aside, ignore_errors=True)
            raise
        names = sorted(part.relative_to(aside).as_posix() for part in aside.rglob("*") if part.is_file())
        for name in sorted(names, key=lambda each: each == self.database.name):
            place = self.path / name
            private_folder(place.parent)
            (aside / name).replace(place)
            sync(place.parent)
        shutil.rmtree(aside)
        sync(self.path)

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)

    def log_size(self) -> int:
        """How much the server has logged."""
        return os.fstat(self.log.fileno()).st_size

    def last_words(self, since: int) -> str:
        """Why the server ended, if it logged that after the first `since` bytes."""
        with self.log_file.open("rb") as file:
            file.seek(max(since, self.log_size() - 64 * 1024))
            lines = file.read().decode(errors="replace").strip().splitlines()
        telling = (line for line in lines if line.startswith(("Error:", "panic:", "fatal error:")))
        return next(telling, lines[-1] if lines else f"it logged nothing to {self.log_file}")[:300]


def is_free_to_use(path: Path) -> bool:
    """Whether a server has been set up in a folder but none is running in it now."""
    if not (path / "temporal.db").exists():
        return False
    try:
        with (path / "temporal.lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _check_owner(path: Path) -> None:
    owner = path.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"user {owner}"
    raise owner_error(path, name)


def sync(path: Path) -> None:
    """Syncs a file or a folder to disk, so that it survives a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
