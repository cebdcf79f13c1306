"""How a webhook delivery proves where it comes from, as data: a scheme's name, and what the scheme wants to know.

The worker looks the scheme up by its name and does the checking. A provider adds a scheme with a `Verification` of its
own. Secrets are references, never values: `{"$secret": NAME}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, cast

from pydantic import BaseModel, JsonValue

from resolute.plan.expressions import encode
from resolute.plan.words import secret


class Verification(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """How a webhook delivery proves where it comes from, as data. Subclass it for a scheme of your own.

    `scheme` is the name under which the worker finds the code of the verification. `signs_body` is true where the proof
    covers the body and no other header: then only the body can tell deliveries apart.
    """

    signs_body: ClassVar[bool] = False

    scheme: str


class HmacSha256(Verification, frozen=True):
    """A keyed digest (HMAC-SHA256, hexadecimal) of the raw body in a header, behind a prefix."""

    signs_body: ClassVar[bool] = True

    scheme: Literal["hmac_sha256"] = "hmac_sha256"
    secrets: tuple[JsonValue, ...]
    header: str
    prefix: str = ""


class BearerToken(Verification, frozen=True):
    """A shared token in the header `Authorization: Bearer ...`."""

    scheme: Literal["bearer_token"] = "bearer_token"
    secrets: tuple[JsonValue, ...]


class PathToken(Verification, frozen=True):
    """A shared token as the last part of the path, behind the trigger's own."""

    scheme: Literal["path_token"] = "path_token"
    secrets: tuple[JsonValue, ...]


class Unverified(Verification, frozen=True):
    """No proof at all: whoever reaches the path starts runs."""

    scheme: Literal["unverified"] = "unverified"


def hmac_sha256(*secrets: object, header: str, prefix: str = "") -> HmacSha256:
    """The body is signed: `header` holds `prefix` and the hexadecimal HMAC-SHA256 of the raw body.

    Several secrets are all tried, so that one can be replaced by the next without losing a delivery.

    Raises:
        TypeError: something else than `secret("NAME")` is given for a secret.
    """
    return HmacSha256(secrets=references(secrets), header=header, prefix=prefix)


def bearer_token(*secrets: object) -> BearerToken:
    """The request carries `Authorization: Bearer <token>`, and the token is one of the secrets.

    Raises:
        TypeError: something else than `secret("NAME")` is given for a secret.
    """
    return BearerToken(secrets=references(secrets))


def path_token(*secrets: object) -> PathToken:
    """The token is the last part of the path: `/beat/backup/<token>`. For what can be given nothing but an address.

    What passes the request on may log its path, and the token with it: `bearer_token(...)` is kept better.

    Raises:
        TypeError: something else than `secret("NAME")` is given for a secret.
    """
    return PathToken(secrets=references(secrets))


def unverified() -> Unverified:
    """Whoever reaches the path starts runs. Said aloud, because it is seldom what is wanted."""
    return Unverified()


def references(secrets: tuple[object, ...]) -> tuple[JsonValue, ...]:
    """The JSON of secret references. A literal is refused without showing it: it may be the secret itself."""
    encoded = tuple(encode(value) for value in secrets)
    if not encoded or not all(isinstance(value, Mapping) and set(value) == {"$secret"} for value in encoded):
        raise TypeError('a secret is given by name: secret("NAME"), at least one')
    return cast("tuple[JsonValue, ...]", encoded)


def secrets_given(given: str | Sequence[str] | None, usual: str) -> Sequence[str]:
    """The secrets that an author gives by name, one or several; the one that is called `usual` where none is given."""
    if given is None:
        return [secret(usual)]
    return given if isinstance(given, (list, tuple)) else [given]  # pyright: ignore[reportReturnType]  # a reference
