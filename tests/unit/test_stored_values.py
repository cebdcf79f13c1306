"""Values outside of Temporal: written whole, found by what they are, refused where they are not what was written."""

import asyncio
import os
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverClaim, StorageDriverRetrieveContext, StorageDriverStoreContext

from resolute.plan.errors import ConfigurationError
from resolute.temporal.values.ciphers import UnreadablePayloadError
from resolute.temporal.values.stored import FolderDriver
from resolute_worker.settings import load_settings

VALUE = Payload(metadata={"encoding": b"json/plain"}, data=b"7" * 100_000)


def stored(driver: FolderDriver) -> StorageDriverClaim:
    return asyncio.run(driver.store(StorageDriverStoreContext(), [VALUE]))[0]


def read(driver: FolderDriver, claim: StorageDriverClaim) -> Payload:
    return asyncio.run(driver.retrieve(StorageDriverRetrieveContext(), [claim]))[0]


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_value_is_stored_once(tmp_path: Path) -> None:
    """However often it is written it is one file, which only its user reads, and it comes back as it was."""
    driver = FolderDriver(tmp_path / "store")
    first, again = stored(driver), stored(driver)

    assert first == again
    assert [0o600] == [file.stat().st_mode & 0o777 for file in files(tmp_path)]
    assert VALUE == read(driver, first)


@pytest.mark.parametrize("damage", [b"", b"7", None])
def test_what_is_not_what_was_written_is_refused(tmp_path: Path, damage: bytes | None) -> None:
    """A value that is gone, cut off or changed is named, with what to do."""
    driver = FolderDriver(tmp_path)
    claim = stored(driver)
    (file,) = files(tmp_path)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)

    with pytest.raises(UnreadablePayloadError, match=r"RESOLUTE_PAYLOAD_STORE .*restore it from a backup"):
        read(driver, claim)


def test_a_value_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    """Whoever writes it again mends it."""
    driver = FolderDriver(tmp_path)
    claim = stored(driver)
    files(tmp_path)[0].write_bytes(b"7")
    stored(driver)

    assert VALUE == read(driver, claim)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "a" * 63 + "/", "0" * 65])
def test_a_reference_names_no_other_file(tmp_path: Path, digest: str) -> None:
    """Somebody who writes into Temporal reads nothing but stored values with it."""
    with pytest.raises(UnreadablePayloadError, match="is damaged"):
        read(FolderDriver(tmp_path), StorageDriverClaim({"sha256": digest}))


def test_what_nobody_uses_is_removed(tmp_path: Path) -> None:
    """By when it was written or read last; what was half written as well."""
    driver = FolderDriver(tmp_path)
    claim = stored(driver)
    (file,) = files(tmp_path)
    draft = file.with_name("draft")
    draft.touch()
    for each in (file, draft):
        os.utime(each, (1000, 1000))
    read(driver, claim)

    assert (1, [file]) == (driver.remove_older(2000), files(tmp_path))


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "store").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"cannot be written to .*RESOLUTE_PAYLOAD_STORE"):
        stored(FolderDriver(tmp_path / "store"))


def test_other_stores_are_refused() -> None:
    """Before anything is written somewhere else."""
    with pytest.raises(ConfigurationError, match="RESOLUTE_PAYLOAD_STORE: values can be stored in a folder only"):
        load_settings(payload_store="s3://bucket/prefix")
