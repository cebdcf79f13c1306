"""Buckets on loopback: moto's server, which speaks the protocol of Amazon S3."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.session import Session
from moto.moto_server.threaded_moto_server import (  # pyright: ignore[reportMissingTypeStubs]  # it has none
    ThreadedMotoServer,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_REGION: Final = "eu-central-1"
SECRET: Final = "the-secret-access-key-of-the-tests"


@dataclass(frozen=True)
class Place:
    """Where buckets are, and the variables by which a process finds them."""

    url: str

    @property
    def variables(self) -> dict[str, str]:
        """AWS's own; nothing of whoever runs the tests."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAOFTHETESTS",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": _REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has this process find them."""
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)


@dataclass(frozen=True)
class Buckets(Place):
    """A server with buckets, and a client beside the one that is tested."""

    client: "S3Client"

    def new(self) -> str:
        """The name of a bucket with nothing in it."""
        name = f"tests-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": _REGION})
        return name

    def contents(self, bucket: str) -> list[bytes]:
        """What is in a bucket."""
        listed = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [self.client.get_object(Bucket=bucket, Key=each.get("Key", ""))["Body"].read() for each in listed]


@contextmanager
def bucket_server() -> Generator[Buckets]:
    """A server with buckets."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        session, url = Session(), f"http://{host}:{port}"
        session.set_credentials("AKIAOFTHETESTS", SECRET)
        client: Any = session.create_client("s3", region_name=_REGION, endpoint_url=url)
        yield Buckets(url, client)
    finally:
        server.stop()
