"""A store of large values in a bucket: of Amazon S3, or of whatever else speaks its protocol (MinIO, Ceph, R2).

Where it is and who asks is said by the variables, profiles and roles of AWS's own tools, which botocore reads. Values
have the same names as in a folder, so a store can be copied from one to the other.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import threading
import time
from base64 import b64encode
from datetime import datetime
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from resolute.plan.errors import ConfigurationError
from resolute.temporal.values.bucket_errors import asked, status_of
from resolute.temporal.values.stored import AT_ONCE, LARGEST, TOUCHED_AFTER, StoreError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 10
_ATTEMPTS: Final = 3
"""The only requests that are retried below a node's policy: a step that has ended would be run again for a value that
could not be stored at once."""

_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")


class BucketStore:
    """Values in a bucket, each an object that is named by its digest, below a prefix."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        """Nothing is connected before the first value.

        Args:
            bucket: the name of the bucket, or the alias of an access point.
            prefix: what names of objects begin with; empty, or with a slash at its end.

        Raises:
            ConfigurationError: the library that speaks to buckets is not installed.
        """
        if find_spec("botocore") is None:
            raise ConfigurationError(
                "RESOLUTE_PAYLOAD_STORE is a bucket, and the library for it is not installed: "
                "`pip install resolute[s3]`, or give a folder"
            )
        self.bucket, self.prefix = bucket, prefix
        self._connecting = threading.Lock()

    @property
    def place(self) -> str:
        """The address of the store."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def write(self, digest: str, data: bytes) -> None:
        """Writes a value, if it was not written just before.

        Raises:
            StoreError: the bucket refuses it, or does not answer.
        """
        with asked(f"a value of {len(data):,} bytes cannot be written to {self.place}"):
            found = self._head(digest)
            if found is None or found[0] != len(data) or time.time() - found[1].timestamp() > TOUCHED_AFTER:
                # The service compares what arrives with this digest, which is the one that each of them knows.
                arrives = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
                self._client.put_object(Bucket=self.bucket, Key=self._key(digest), Body=data, ContentMD5=arrives)

    def read(self, digest: str) -> bytes | None:
        """What is kept under a digest; None for nothing.

        Raises:
            StoreError: the bucket refuses, or does not answer.
        """
        with asked(f"value {digest[:12]} cannot be read from {self.place}"):
            try:
                found = self._client.get_object(Bucket=self.bucket, Key=self._key(digest))
            except self._client.exceptions.NoSuchKey:
                return None
            with contextlib.closing(found["Body"]) as body:
                data = body.read(LARGEST + 1)
        if time.time() - found["LastModified"].timestamp() > TOUCHED_AFTER:
            self.touch(digest)
        return data

    def touch(self, digest: str) -> None:
        """Shows that a value is in use, if it is there and may be written: by a copy onto itself, which is newer."""
        with contextlib.suppress(StoreError), asked(""):
            self._client.copy_object(
                Bucket=self.bucket,
                Key=self._key(digest),
                CopySource={"Bucket": self.bucket, "Key": self._key(digest)},
                MetadataDirective="REPLACE",
            )

    def remove_older(self, than: float) -> int:
        """Removes values that nobody has used since a time, in seconds since 1970; gives how many.

        Raises:
            StoreError: the bucket refuses, or does not answer.
        """
        removed = 0
        with asked(f"old values cannot be removed from {self.place}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
            for each in (each for page in pages for each in page.get("Contents", ())):
                name, used = each.get("Key", "").removeprefix(self.prefix), each.get("LastModified")
                # What else is in the bucket is somebody else's.
                if used is None or used.timestamp() >= than or _NAME.fullmatch(name) is None:
                    continue
                # Once more: it may have been used since it was listed.
                found = self._head(name[3:])
                if found is not None and found[1].timestamp() < than:
                    self._client.delete_object(Bucket=self.bucket, Key=self.prefix + name)
                    removed += 1
        return removed

    def _key(self, digest: str) -> str:
        return f"{self.prefix}{digest[:2]}/{digest}"

    def _head(self, digest: str) -> tuple[int, datetime] | None:
        """The length of a value and when it was last in use; None where it is not there, or nobody may say so."""
        from botocore.exceptions import ClientError

        try:
            found = self._client.head_object(Bucket=self.bucket, Key=self._key(digest))
        except ClientError as error:
            if status_of(error) >= 500:
                raise
            return None  # where nobody may look, or something is wrong, the request that follows says what
        return found["ContentLength"], found["LastModified"]

    @property
    def _client(self) -> S3Client:
        with self._connecting:
            return self._connected

    @cached_property
    def _connected(self) -> S3Client:
        from botocore.config import Config
        from botocore.session import Session

        # Below this it logs whole requests, with what they are signed by.
        logging.getLogger("botocore").setLevel(logging.INFO)
        session = Session(session_vars={"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)})
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=AT_ONCE,
            # Values have digests of their own, and not every service knows the checksums that AWS's does.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client: Any = session.create_client("s3", config=config)
        return client
