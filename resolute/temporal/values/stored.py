"""Large values outside of Temporal: in a folder that workers and readers share, by Temporal's external storage.

Temporal then stores a reference: the digest of what was stored, which is also its name. A value is on disk before
Temporal is told of it, whole or not at all, and its digest is checked whenever it is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from resolute.plan.errors import ConfigurationError
from resolute.temporal.values.ciphers import UnreadablePayloadError

THRESHOLD: Final = 64 * 1024
"""Bytes from which on a value is stored outside of Temporal."""

DIGEST: Final = "sha256"

REFERENCE: Final = ExternalStorageReference.DESCRIPTOR.full_name.encode()
"""The type of the message that Temporal stores in the place of a value."""

_TOUCHED_AFTER: Final = 3600.0
"""Seconds after which reading a value shows again that it is in use."""


class FolderDriver(StorageDriver):
    """Values in a folder, each in a file that is named by its digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def name(self) -> str:
        """What references call it."""
        return "resolute-folder"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Writes values, and gives what they are found by.

        Raises:
            ConfigurationError: the folder cannot be written to.
        """
        return await asyncio.to_thread(lambda: [self._store(payload.SerializeToString()) for payload in payloads])

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Reads values.

        Raises:
            UnreadablePayloadError: one is not there, or is not what was written.
        """
        return await asyncio.to_thread(lambda: [self._retrieve(claim.claim_data.get(DIGEST, "")) for claim in claims])

    def touch(self, digest: str) -> None:
        """Shows that a value is in use."""
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
        if len(digest) != 64 or not digest.isalnum():  # a reference of somebody else's, which must not name any file
            raise UnreadablePayloadError("a reference to a value outside of Temporal is damaged")
        return self.folder / digest[:2] / digest

    def _store(self, data: bytes) -> StorageDriverClaim:
        digest = hashlib.sha256(data).hexdigest()
        file = self._file(digest)
        try:
            if file.exists() and file.stat().st_size == len(data):
                os.utime(file)
            else:
                _write(file, data)
        except OSError as error:
            raise ConfigurationError(
                f"a value of {len(data):,} bytes cannot be written to {self.folder} ({error.strerror}): "
                "make the folder of RESOLUTE_PAYLOAD_STORE writable, and its disk large enough"
            ) from None
        return StorageDriverClaim({DIGEST: digest})

    def _retrieve(self, digest: str) -> Payload:
        file = self._file(digest)
        try:
            data = file.read_bytes()
            if time.time() - file.stat().st_mtime > _TOUCHED_AFTER:
                self.touch(digest)
        except OSError as error:
            raise UnreadablePayloadError(
                f"value {digest[:12]} is not in RESOLUTE_PAYLOAD_STORE ({self.folder}: {error.strerror}): "
                "is it the folder of whoever wrote it? Otherwise restore it from a backup"
            ) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(digest, self.folder)
        try:
            return Payload.FromString(data)
        except DecodeError:
            raise _damaged(digest, self.folder) from None


def digest_in(payload: Payload) -> str:
    """The digest in a reference to a stored value; empty where the payload is none."""
    if payload.metadata.get("messageType") != REFERENCE:
        return ""
    try:
        return Parse(payload.data, ExternalStorageReference()).claim_data.get(DIGEST, "")
    except ParseError:
        return ""


def _damaged(digest: str, folder: Path) -> UnreadablePayloadError:
    return UnreadablePayloadError(
        f"value {digest[:12]} in RESOLUTE_PAYLOAD_STORE ({folder}) is not what was written: restore it from a backup"
    )


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
