"""Large values outside of Temporal: in a store that workers and readers share, by Temporal's external storage.

Temporal then stores a reference: the digest of what was stored, which is also its name in the store, whichever that
is. A value is in the store before Temporal is told of it, whole or not at all, and its digest is checked whenever it is
read. A store that is moved elsewhere with everything in it is still the store of whoever refers to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import (
    DataConverter,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from resolute.plan.errors import ConfigurationError
from resolute.temporal.values.ciphers import UnreadablePayloadError

S = TypeVar("S")
T = TypeVar("T")

THRESHOLD: Final = 64 * 1024
"""Bytes from which on a value is stored outside of Temporal."""

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a stored value at most: far more than a run may record, and little enough to have in memory."""

AT_ONCE: Final = 16
"""How many values a process reads and writes at the same time."""

TOUCHED_AFTER: Final = 3600.0
"""Seconds after which reading or writing a value again shows that it is in use."""

DIGEST: Final = "sha256"

REFERENCE: Final = ExternalStorageReference.DESCRIPTOR.full_name.encode()
"""The type of the message that Temporal stores in the place of a value."""

_DIGEST_FORM: Final = re.compile(r"[0-9a-f]{64}")
_PROBE: Final = Payload(metadata={"encoding": b"binary/plain"}, data=b"a worker of Resolute uses this store")


class StoreError(ConfigurationError):
    """A store of large values did not do what it was asked for. Its type says whether the same may succeed later."""

    retryable: bool = False


class StoreRefusedError(StoreError):
    """The store refuses, and will until somebody changes it, or how it is used here."""


class StoreUnreachableError(StoreError):
    """The store does not answer now."""

    retryable = True


class Store(Protocol):
    """Where values are kept, each under its digest. Its methods block, and several threads call them at once."""

    @property
    def place(self) -> str:
        """How people call it."""
        ...

    def write(self, digest: str, data: bytes) -> None:
        """Keeps a value, or shows that it is in use where it is kept already.

        Raises:
            StoreError: it cannot.
        """
        ...

    def read(self, digest: str) -> bytes | None:
        """What is kept under a digest, of which nobody knows yet whether it is what was written; None for nothing.

        No more than `LARGEST` bytes and one are read.

        Raises:
            StoreError: it cannot be read now.
        """
        ...

    def touch(self, digest: str) -> None:
        """Shows that a value is in use, if it is there and may be written."""
        ...

    def remove_older(self, than: float) -> int:
        """Removes values that nobody has used since a time, in seconds since 1970; gives how many.

        Raises:
            StoreError: it cannot.
        """
        ...


class StoredValues(StorageDriver):
    """Values in a store, each under its digest."""

    def __init__(self, store: Store) -> None:
        self.kept = store
        # Threads of their own: a store that hangs keeps nothing waiting that does not need it.
        self._threads = ThreadPoolExecutor(AT_ONCE, "stored-values")

    def name(self) -> str:
        """What references call it."""
        return "resolute"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        """Writes values, and gives what they are found by.

        Raises:
            StoreError: one cannot be written.
        """
        return await self._each(self._store, payloads)

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Reads values.

        Raises:
            UnreadablePayloadError: one is not there, or is not what was written.
            StoreError: one cannot be read now.
        """
        return await self._each(self._retrieve, [claim.claim_data.get(DIGEST, "") for claim in claims])

    async def check(self) -> None:
        """Writes a small value and reads it, as the first large one would be.

        Raises:
            StoreError: it cannot be written or read.
            UnreadablePayloadError: something else is read than was written.
        """
        claims = await self.store(StorageDriverStoreContext(), [_PROBE])
        await self.retrieve(StorageDriverRetrieveContext(), claims)

    async def touch(self, digest: str) -> None:
        """Shows that a value is in use."""
        await self._each(self.kept.touch, [_checked(digest)])

    async def remove_older(self, than: float) -> int:
        """Removes values that nobody has used since a time, in seconds since 1970; gives how many.

        Raises:
            StoreError: it cannot.
        """
        (removed,) = await self._each(self.kept.remove_older, [than])
        return removed

    async def _each(self, work: Callable[[S], T], given: Sequence[S]) -> list[T]:
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(self._threads, work, each) for each in given)))

    def _store(self, payload: Payload) -> StorageDriverClaim:
        data = payload.SerializeToString()
        if len(data) > LARGEST:
            raise StoreRefusedError(
                f"a value of {len(data):,} bytes is too large for RESOLUTE_PAYLOAD_STORE, which takes {LARGEST:,}: "
                "pass a reference to the data (an id, a URL) instead of the data"
            )
        digest = hashlib.sha256(data).hexdigest()
        self.kept.write(digest, data)
        return StorageDriverClaim({DIGEST: digest})

    def _retrieve(self, digest: str) -> Payload:
        data = self.kept.read(_checked(digest))
        if data is None:
            raise UnreadablePayloadError(
                f"value {digest[:12]} is not in RESOLUTE_PAYLOAD_STORE ({self.kept.place}): "
                "is it the store of whoever wrote it? Otherwise restore it from a backup"
            )
        if len(data) > LARGEST or hashlib.sha256(data).hexdigest() != digest:
            raise self._damaged(digest)
        try:
            return Payload.FromString(data)
        except DecodeError:
            raise self._damaged(digest) from None

    def _damaged(self, digest: str) -> UnreadablePayloadError:
        return UnreadablePayloadError(
            f"value {digest[:12]} in RESOLUTE_PAYLOAD_STORE ({self.kept.place}) is not what was written: "
            "restore it from a backup"
        )


def _checked(digest: str) -> str:
    if _DIGEST_FORM.fullmatch(digest) is None:  # a reference of somebody else's, which must not name anything else
        raise UnreadablePayloadError("a reference to a value outside of Temporal is damaged")
    return digest


def digest_in(payload: Payload) -> str:
    """The digest in a reference to a stored value; empty where the payload is none."""
    if payload.metadata.get("messageType") != REFERENCE:
        return ""
    try:
        return Parse(payload.data, ExternalStorageReference()).claim_data.get(DIGEST, "")
    except ParseError:
        return ""


def stored_in(converter: DataConverter) -> StoredValues | None:
    """The store that a converter keeps large values in; None where Temporal holds all of them."""
    storage = converter.external_storage
    return next((each for each in (storage.drivers if storage else ()) if isinstance(each, StoredValues)), None)
