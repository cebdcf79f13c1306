"""Copies the state of an embedded server, running or not, into a folder that `restore` can put back."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from resolute.plan.errors import ConfigurationError
from resolute_worker.embedded.backup_record import DATABASE, RECORD, Backup, BackupFile
from resolute_worker.embedded.folder import StateFolder, sync
from resolute_worker.private import private_folder

_PATIENCE: Final = 60.0


def make_backup(state: Path, to: Path) -> Backup:
    """Copies a state folder as it is at one moment to a new folder, and returns what the backup holds.

    A server that uses the state goes on meanwhile. `to` exists only once it is complete, for this user alone.

    Raises:
        ConfigurationError: the state folder holds no server's state, is damaged or cannot be read; or `to` exists, lies
            inside the state folder, or cannot be written.
    """
    folder = StateFolder(state)
    _check_state(folder)
    _check_target(state, to)
    try:
        with _draft(to) as draft:
            made_at = datetime.now(UTC).replace(microsecond=0)
            _copy_database(folder.database, draft / DATABASE)
            # What runs refer to is written before they do, so it is copied after them.
            names = [DATABASE, *(name for name in folder.kept_files() if _copied(state / name, draft / name))]
            made = Backup.now(made_at, tuple(BackupFile.of(draft, name) for name in names))
            _write(draft / RECORD, made.model_dump_json(indent=1).encode())
    except OSError as error:
        raise ConfigurationError(
            f"the backup cannot be written to {to}: {error.strerror} ({error.filename or to}). "
            f"{state} is as it was, and nothing is left of the backup"
        ) from None
    return made


def _check_state(folder: StateFolder) -> None:
    try:
        if not folder.is_new and os.access(folder.database, os.R_OK):
            return
        missing = folder.is_new
    except OSError as error:
        raise ConfigurationError(f"the state folder {folder.path} cannot be read: {error.strerror}") from None
    if missing:
        raise ConfigurationError(
            f"{folder.path} holds no state of an embedded server: set RESOLUTE_STATE_DIR to the worker's state folder "
            "(a Temporal of your own is backed up with its database)"
        )
    raise ConfigurationError(f"{folder.database} cannot be read: make the backup as the user that runs the worker")


def _check_target(state: Path, to: Path) -> None:
    inside, outside = to.resolve(), state.resolve()
    if inside == outside or outside in inside.parents:
        raise ConfigurationError(
            f"{to} lies in the state folder {state}: choose a place outside it, best on another disk"
        )
    try:
        taken = to.is_symlink() or (to.exists() and not (to.is_dir() and not any(to.iterdir())))
    except OSError as error:
        raise ConfigurationError(f"{to} cannot be used: {error.strerror}") from None
    if taken:
        raise ConfigurationError(f"{to} exists: a backup overwrites nothing, so name a new folder")


@contextlib.contextmanager
def _draft(to: Path) -> Generator[Path]:
    """A folder beside a backup's place, which takes that place if the `with` succeeds, and is gone otherwise."""
    to.parent.mkdir(parents=True, exist_ok=True)
    draft = to.parent / f".{to.name}.{os.getpid()}.{secrets.token_hex(4)}"
    draft.mkdir(mode=0o700)
    try:
        yield draft
        for part in (draft, *(part for part in draft.rglob("*") if part.is_dir())):
            sync(part)
        draft.replace(to)
        sync(to.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _copy_database(database: Path, to: Path) -> None:
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    source = f"{database.resolve().as_uri()}?mode=ro"
    try:
        with (
            contextlib.closing(sqlite3.connect(source, uri=True, timeout=_PATIENCE)) as opened,
            contextlib.closing(sqlite3.connect(to)) as copy,
        ):
            # All pages in one transaction, while a server goes on writing; in several, each write begins it anew.
            opened.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode=delete")  # one file, that needs none beside it
            found = str(copy.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        raise ConfigurationError(f"{database} cannot be copied to {to.parent}: {error}") from None
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise ConfigurationError(
            f"{database} is damaged ({found}), so a backup of it would be of no use: keep the earlier ones, and "
            "restore the latest of them if the server does not start any more"
        )
    sync(to)


def _copied(source: Path, to: Path) -> bool:
    """Copies a file, unless it has gone meanwhile."""
    try:
        content = source.read_bytes()
    except FileNotFoundError:
        return False
    private_folder(to.parent)
    _write(to, content)
    return True


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
