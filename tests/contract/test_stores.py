"""Values outside of Temporal: found by what they are, refused where they are not what was written, in every store."""

import logging
import os
import socket
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Protocol

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends  # pyright: ignore[reportMissingTypeStubs]  # it has none
from temporalio.api.common.v1 import Payload
from temporalio.converter import StorageDriverClaim, StorageDriverRetrieveContext, StorageDriverStoreContext

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError
from resolute.temporal.trust.seals import NO_KEYS
from resolute.temporal.values import bucket
from resolute.temporal.values.bucket import BucketStore
from resolute.temporal.values.ciphers import UnreadablePayloadError
from resolute.temporal.values.folder import FolderStore
from resolute.temporal.values.stored import (
    AT_ONCE,
    DIGEST,
    LARGEST,
    Store,
    StoredValues,
    StoreError,
    StoreRefusedError,
    StoreUnreachableError,
)
from resolute.temporal.values.stores import store_of
from resolute_worker.keys import remember
from resolute_worker.settings import load_settings
from tests.buckets import SECRET, Buckets, Place, bucket_server

VALUE = Payload(metadata={"encoding": b"json/plain"}, data=b"7" * 100_000)
SMALL = Payload(data=b"8")


async def stored(values: StoredValues, *payloads: Payload) -> list[StorageDriverClaim]:
    return await values.store(StorageDriverStoreContext(), payloads or [VALUE])


async def read(values: StoredValues, *claims: StorageDriverClaim) -> list[Payload]:
    return await values.retrieve(StorageDriverRetrieveContext(), claims)


class Behind(Protocol):
    """A store as whoever keeps it sees it: beside Resolute."""

    store: Store

    def names(self) -> list[str]: ...

    def put(self, name: str, data: bytes) -> None: ...

    def drop(self, name: str) -> None: ...

    def age(self, name: str) -> None: ...


class BehindFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = store_of(str(folder))

    def names(self) -> list[str]:
        return sorted(str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file())

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)

    def drop(self, name: str) -> None:
        (self.folder / name).unlink()

    def age(self, name: str) -> None:
        os.utime(self.folder / name, (1000, 1000))


class BehindBucket:
    def __init__(self, buckets: Buckets) -> None:
        self.client, self.bucket = buckets.client, buckets.new()
        self.store = store_of(f"s3://{self.bucket}/values/")

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket, Prefix="values/").get("Contents", [])
        return sorted(each.get("Key", "").removeprefix("values/") for each in listed)

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"values/{name}", Body=data)

    def drop(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=f"values/{name}")

    def age(self, name: str) -> None:
        kept = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_object(self.bucket, f"values/{name}")
        assert kept is not None
        kept.last_modified = datetime.fromtimestamp(1000, UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def served() -> Generator[Buckets]:
    with bucket_server() as found:
        yield found


@pytest.fixture
def buckets(served: Buckets, monkeypatch: pytest.MonkeyPatch) -> Buckets:
    """Buckets that this process finds."""
    served.enter(monkeypatch)
    return served


@pytest.fixture(params=["folder", "bucket"])
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Behind:
    """Every store."""
    return (
        BehindFolder(tmp_path / "store")
        if request.param == "folder"
        else BehindBucket(request.getfixturevalue("buckets"))
    )


def name_of(claim: StorageDriverClaim) -> str:
    digest = claim.claim_data[DIGEST]
    return f"{digest[:2]}/{digest}"


async def test_a_value_is_stored_once(behind: Behind) -> None:
    """However often it is written it is one entry, and it comes back as it was, among others in their order."""
    values = StoredValues(behind.store)
    (first, other), (again,) = await stored(values, VALUE, SMALL), await stored(values)

    assert first == again
    assert sorted([name_of(first), name_of(other)]) == behind.names()
    assert [SMALL, VALUE, SMALL] == await read(values, other, first, other)


async def test_more_values_than_are_under_way_at_once(behind: Behind) -> None:
    """Further ones wait for their turn."""
    many = [Payload(data=bytes([number])) for number in range(3 * AT_ONCE)]
    values = StoredValues(behind.store)

    assert many == await read(values, *await stored(values, *many))


@pytest.mark.parametrize("damage", [b"", b"7", None])
async def test_what_is_not_what_was_written_is_refused(behind: Behind, damage: bytes | None) -> None:
    """A value that is gone, cut off or changed is named, with what to do."""
    values = StoredValues(behind.store)
    (claim,) = await stored(values)
    if damage is None:
        behind.drop(name_of(claim))
    else:
        behind.put(name_of(claim), damage)

    with pytest.raises(UnreadablePayloadError, match=r"RESOLUTE_PAYLOAD_STORE .*restore it from a backup"):
        await read(values, claim)


async def test_a_value_that_was_cut_off_is_written_again(behind: Behind) -> None:
    """Whoever writes it again mends it."""
    values = StoredValues(behind.store)
    (claim,) = await stored(values)
    behind.put(name_of(claim), b"7")
    await stored(values)

    assert [VALUE] == await read(values, claim)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "a" * 63 + "/", "0" * 65, "Z" * 64])
async def test_a_reference_names_nothing_else(behind: Behind, digest: str) -> None:
    """Somebody who writes into Temporal reads nothing but stored values with it."""
    with pytest.raises(UnreadablePayloadError, match="is damaged"):
        await read(StoredValues(behind.store), StorageDriverClaim({DIGEST: digest}))


async def test_what_is_too_large_is_neither_written_nor_read(behind: Behind) -> None:
    """A value has a bound, and what somebody has put in its place is read to that bound alone."""
    values = StoredValues(behind.store)
    with pytest.raises(StoreRefusedError, match="is too large for RESOLUTE_PAYLOAD_STORE"):
        await stored(values, Payload(data=bytes(LARGEST)))
    claim = StorageDriverClaim({DIGEST: sha256(b"").hexdigest()})
    behind.put(name_of(claim), bytes(LARGEST + 10))

    assert LARGEST + 1 == len(behind.store.read(claim.claim_data[DIGEST]) or b"")
    with pytest.raises(UnreadablePayloadError, match="is not what was written"):
        await read(values, claim)


async def test_what_nobody_uses_is_removed(behind: Behind) -> None:
    """By when it was written or read last, or touched; never what is somebody else's."""
    values = StoredValues(behind.store)
    one, other, third, fourth = await stored(values, VALUE, SMALL, Payload(data=b"3"), Payload(data=b"4"))
    for each in (one, other, third, fourth):
        behind.age(name_of(each))
    behind.put("beside", b"somebody else's")
    behind.age("beside")
    await read(values, one)
    await stored(values, SMALL)
    await values.touch(fourth.claim_data[DIGEST])

    assert 1 == await values.remove_older(2000)
    assert sorted([name_of(one), name_of(other), name_of(fourth), "beside"]) == behind.names()


async def test_a_store_is_tried_before_it_is_needed(behind: Behind) -> None:
    """A worker that starts writes a small value, and reads it."""
    await StoredValues(behind.store).check()

    assert 1 == len(behind.names())


async def test_a_store_can_be_moved(buckets: Buckets, tmp_path: Path) -> None:
    """What was written to a folder is found in a bucket with the same names."""
    before, after = BehindFolder(tmp_path), BehindBucket(buckets)
    (claim,) = await stored(StoredValues(before.store))
    for name in before.names():
        after.put(name, (tmp_path / name).read_bytes())

    assert [VALUE] == await read(StoredValues(after.store), claim)
    assert StoredValues(before.store).name() == StoredValues(after.store).name()


async def test_a_folder_is_of_its_user_alone(tmp_path: Path) -> None:
    """Nobody else on the machine reads its files."""
    await stored(StoredValues(FolderStore(tmp_path)))

    assert [0o600] == [file.stat().st_mode & 0o777 for file in tmp_path.rglob("*") if file.is_file()]


async def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreRefusedError, match=r"cannot be written to .*RESOLUTE_PAYLOAD_STORE"):
        await stored(StoredValues(FolderStore(tmp_path / "store")))


async def test_a_bucket_that_is_not_there_is_named(buckets: Buckets) -> None:
    """With what to do, when a worker starts."""
    with pytest.raises(StoreRefusedError, match=r"s3://nowhere/x \(NoSuchBucket\): create the bucket, or correct"):
        await StoredValues(store_of("s3://nowhere/x")).check()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_ACCESS_KEY_ID", None, r"\(NoCredentialsError\): correct AWS_ACCESS_KEY_ID"),
        ("AWS_PROFILE", "nobody", r"\(ProfileNotFound\): correct AWS_PROFILE"),
    ],
)
async def test_settings_of_aws_that_are_wrong_are_named(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None, said: str
) -> None:
    """What is missing says its own name, and nothing is tried again for it."""
    if value is None:
        for each in (variable, "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(each)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(StoreRefusedError, match=said):
        await StoredValues(store_of(f"s3://{buckets.new()}")).check()


class Answering(BaseHTTPRequestHandler):
    """Answers every request with one status and error of S3's, and what it was asked with in the message."""

    status, code = 503, "SlowDown"
    asked = 0

    def do_PUT(self) -> None:
        type(self).asked += 1
        self.rfile.read(int(self.headers.get("content-length", 0)))
        said = f"<Error><Code>{self.code}</Code><Message>{self.headers['authorization']}</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_PUT  # noqa: N815  # the names are HTTP's

    def log_message(self, format: str, *args: object) -> None: ...


@asynccontextmanager
async def answering(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> AsyncGenerator[type[Answering]]:
    kind = type("Answering", (Answering,), {"status": status, "code": code, "asked": 0})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    Place(f"http://127.0.0.1:{server.server_address[1]}").enter(monkeypatch)
    try:
        yield kind
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (503, "SlowDown", StoreUnreachableError, "answers 503; try again later"),
        (403, "AccessDenied", StoreRefusedError, r"AccessDenied\): allow s3:GetObject"),
        (403, "SignatureDoesNotMatch", StoreRefusedError, r"SignatureDoesNotMatch\): correct AWS_ACCESS_KEY_ID"),
        (400, "ExpiredToken", StoreRefusedError, "AWS_SESSION_TOKEN"),
    ],
)
async def test_what_a_service_answers_is_told_by_its_type(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, kind: type[StoreError], said: str
) -> None:
    """Whether the same may succeed later is in the type; what to do is in the text; no credential is in either."""
    async with answering(monkeypatch, status, code) as service:
        with pytest.raises(kind, match=said) as refused:
            await stored(StoredValues(store_of("s3://bucket")))

    assert (status >= 500) == refused.value.retryable
    assert service.asked <= 2 * bucket._ATTEMPTS  # pyright: ignore[reportPrivateUsage]  # the bound of both requests
    assert not [word for word in ("AKIA", "Signature=", SECRET) if word in str(refused.value)]


async def test_a_store_that_does_not_answer_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there: it may later."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        Place(f"http://127.0.0.1:{free.getsockname()[1]}").enter(monkeypatch)
        with pytest.raises(StoreUnreachableError, match="EndpointConnectionError"):
            await stored(StoredValues(store_of("s3://bucket")))


async def test_credentials_are_in_no_line_of_the_log(buckets: Buckets, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the key nor a signature made with it, also where everything is logged."""
    caplog.set_level(logging.DEBUG)
    store = store_of(f"s3://{buckets.new()}")
    await StoredValues(store).check()

    assert not [word for word in ("AKIA", "Signature", SECRET) if word in caplog.text + repr(store)]


def test_credentials_of_a_store_are_masked(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever a node says or makes, also the token of a session."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-session-token-of-the-tests")
    environment = Environment({})
    remember(NO_KEYS, environment)

    assert SECRET not in environment.mask(f"key {SECRET}")
    assert "the-session" not in environment.mask("token the-session-token-of-the-tests")


@pytest.mark.parametrize(
    ("place", "bucket", "prefix"),
    [("s3://values", "values", ""), ("s3://values/", "values", ""), ("s3://values/a/b/", "values", "a/b/")],
)
def test_a_bucket_is_named_by_its_address(place: str, bucket: str, prefix: str) -> None:
    """With or without a prefix, which is a folder's name."""
    found = store_of(place)

    assert isinstance(found, BucketStore)
    assert (bucket, prefix) == (found.bucket, found.prefix)


@pytest.mark.parametrize("place", ["s3://", "s3://a", "gs://values", "s3://KEY:SECRET@values/x", "s3://values/x?y=z"])
def test_what_is_no_store_is_refused(place: str) -> None:
    """Before anything is written somewhere else, and without showing what may be a secret."""
    with pytest.raises(ConfigurationError, match=r"RESOLUTE_PAYLOAD_STORE: .*names no store") as refused:
        load_settings(payload_store=place)

    assert "SECRET" not in str(refused.value)
