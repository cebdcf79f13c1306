"""A store of large values in a folder: on one machine any, on several a disk that they share."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from pathlib import Path
from typing import Final

from resolute.temporal.values.stored import LARGEST, TOUCHED_AFTER, StoreError, StoreRefusedError, StoreUnreachableError

_MADE_BY_PEOPLE: Final = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)


class FolderStore:
    """Values in a folder, each in a file that is named by its digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def write(self, digest: str, data: bytes) -> None:
        """Writes a value, whole or not at all.

        Raises:
            StoreError: the folder cannot be written to.
        """
        file = self._file(digest)
        try:
            if file.exists() and file.stat().st_size == len(data):
                os.utime(file)
            else:
                _write(file, data)
        except OSError as error:
            raise _failed(
                error,
                f"a value of {len(data):,} bytes cannot be written to {self.folder} ({error.strerror}): "
                "make the folder of RESOLUTE_PAYLOAD_STORE writable, and its disk large enough",
            ) from None

    def read(self, digest: str) -> bytes | None:
        """What is kept under a digest; None for nothing.

        Raises:
            StoreError: it is there, and cannot be read.
        """
        try:
            with self._file(digest).open("rb") as file:
                data, used = file.read(LARGEST + 1), os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed(
                error,
                f"value {digest[:12]} cannot be read from {self.folder} ({error.strerror}): "
                "make the folder of RESOLUTE_PAYLOAD_STORE readable",
            ) from None
        if time.time() - used > TOUCHED_AFTER:
            self.touch(digest)
        return data

    def touch(self, digest: str) -> None:
        """Shows that a value is in use, if it is there and may be written."""
        with contextlib.suppress(OSError):  # whoever may only read, or a value that is gone
            os.utime(self._file(digest))

    def remove_older(self, than: float) -> int:
        """Removes values that nobody has used since a time, in seconds since 1970; gives how many."""
        removed = 0
        for file in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):  # another worker was faster
                if file.stat().st_mtime < than:
                    file.unlink()
                    removed += 1
        return removed

    def _file(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest


def _failed(error: OSError, message: str) -> StoreError:
    return StoreRefusedError(message) if error.errno in _MADE_BY_PEOPLE else StoreUnreachableError(message)


def _write(file: Path, data: bytes) -> None:
    """Writes a file whole or not at all, so that it is still there after a power failure."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            written.write(data)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)
