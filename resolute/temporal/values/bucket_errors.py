"""What people are told where a bucket refuses, or does not answer: which code, and what to do about it.

Never what the service says of a request, which may hold credentials.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from resolute.temporal.values.stored import StoreRefusedError, StoreUnreachableError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_BUSY: Final = ("SlowDown", "RequestTimeout", "RequestLimitExceeded", "Throttling", "ThrottlingException")
_WHO: Final = "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE"
_WHERE: Final = "set AWS_REGION to the region of the bucket, or AWS_ENDPOINT_URL_S3 to where it is"
_MAY: Final = "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it (docs/private-values.md)"
_ELSE: Final = "see what the documentation of the store says of it"
_ADVICE: Final = {
    "AccessDenied": _MAY,
    "NoSuchBucket": "create the bucket, or correct RESOLUTE_PAYLOAD_STORE or AWS_ENDPOINT_URL_S3",
    "InvalidBucketName": "correct the bucket in RESOLUTE_PAYLOAD_STORE",
    "InvalidAccessKeyId": _WHO,
    "SignatureDoesNotMatch": _WHO,
    "InvalidToken": _WHO,
    "ExpiredToken": _WHO,
    "ProfileNotFound": "correct AWS_PROFILE",
    "NoRegionError": _WHERE,
    "AuthorizationHeaderMalformed": _WHERE,
    "PermanentRedirect": _WHERE,
    "RequestTimeTooSkewed": "set the clock of this machine",
    "InvalidObjectState": "the value is archived: restore it, and have no rule archive values",
}


@contextmanager
def asked(what: str) -> Generator[None]:
    """Says of what the library raises inside that `what` was not possible, why, and what to do.

    Raises:
        StoreRefusedError: the bucket refuses, or nothing here says where it is or who asks.
        StoreUnreachableError: it does not answer, or not now.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
    from botocore.exceptions import ConnectionError as NotConnectedError

    try:
        yield
    except ClientError as error:
        code, status = _code(error), status_of(error)
        if status >= 500 or status == 429 or code in _BUSY:
            raise StoreUnreachableError(f"{what} now: the store answers {code}; try again later") from None
        raise StoreRefusedError(f"{what} ({code}): {_ADVICE.get(code, _ELSE)}") from None
    except (HTTPClientError, NotConnectedError, IncompleteReadError) as error:
        raise StoreUnreachableError(
            f"{what} now ({type(error).__name__}): try again later, or correct AWS_ENDPOINT_URL_S3 or AWS_REGION"
        ) from None
    except BotoCoreError as error:
        name = type(error).__name__
        raise StoreRefusedError(f"{what} ({name}): {_ADVICE.get(name, _WHO)}") from None


def status_of(error: ClientError) -> int:
    """The status of an answer."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _code(error: ClientError) -> str:
    """What a service calls an error: a word of its own, of which only letters and digits are shown."""
    return re.sub(r"[^A-Za-z0-9]", "", error.response.get("Error", {}).get("Code", ""))[:60] or "an error"
