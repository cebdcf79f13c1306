"""Which store of large values a setting names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from resolute.plan.errors import ConfigurationError
from resolute.temporal.values.stored import Store

BUCKET: Final = re.compile(
    r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])(?:/(?P<prefix>[A-Za-z0-9!_.*'()/-]{0,500}))?"
)
"""A bucket, and perhaps what the names of its objects begin with, in letters that every service takes."""

FORMS: Final = "give the path of a folder that all workers share, or a bucket as s3://BUCKET/PREFIX"


def check_place(place: str) -> str:
    """A place, if it names a store.

    Raises:
        ConfigurationError: it names none. The message does not show it.
    """
    if "://" in place and BUCKET.fullmatch(place) is None:
        raise ConfigurationError(f"it names no store of large values: {FORMS}; credentials never stand in it")
    return place


def store_of(place: str) -> Store:
    """The store at a place: a folder by its path, a bucket as `s3://BUCKET/PREFIX`.

    Raises:
        ConfigurationError: it names none, or the library for buckets is not installed.
    """
    found = BUCKET.fullmatch(check_place(place))
    if found is None:
        from resolute.temporal.values.folder import FolderStore

        return FolderStore(Path(place).expanduser().absolute())
    from resolute.temporal.values.bucket import BucketStore

    prefix = (found["prefix"] or "").strip("/")
    return BucketStore(found["bucket"], f"{prefix}/" if prefix else "")
