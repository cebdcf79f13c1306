"""The verifications of webhooks and heartbeats that every worker knows; providers add theirs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from resolute.plan.errors import ConfigurationError
from resolute.plan.provider import ACCEPTED, Provider, Verdict, Verifier, accepted, refused

BEHIND_PATH: Final = ":token"
"""Among the headers, what stands behind the path: a name that no sender can give a header."""


def _hmac_sha256(
    settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> Verdict:
    header, prefix = str(settings["header"]).lower(), str(settings["prefix"])
    given = headers.get(header, "")
    if not given:
        return refused(f"no {header}")
    wanted = [prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    fits = _is_one_of(given.strip(), wanted)
    return accepted(body) if fits else refused(f"{header} matches none of {len(secrets)} secret(s)")


def _bearer_token(
    settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> Verdict:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return refused("no bearer token")
    fits = _is_one_of(token.strip(), secrets)
    return ACCEPTED if fits else refused(f"the bearer token is none of {len(secrets)} secret(s)")


def _path_token(
    settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> Verdict:
    token = headers.get(BEHIND_PATH, "")
    if not token:
        return refused("no token behind the path")
    fits = _is_one_of(token, secrets)
    return ACCEPTED if fits else refused(f"the token behind the path is none of {len(secrets)} secret(s)")


def _unverified(
    settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> Verdict:
    return ACCEPTED


def _is_one_of(given: str, wanted: Sequence[str]) -> bool:
    # All are compared, each in constant time: the duration reveals nothing about a secret.
    fits = [hmac.compare_digest(given.encode(), value.encode()) for value in wanted]
    return any(fits)


_CORE: Final[Mapping[str, Verifier]] = {
    "hmac_sha256": _hmac_sha256,
    "bearer_token": _bearer_token,
    "path_token": _path_token,
    "unverified": _unverified,
}


def verifiers_of(providers: Iterable[Provider]) -> dict[str, Verifier]:
    """Every scheme that a worker with these providers knows.

    Raises:
        ConfigurationError: two providers use the same name for a scheme.
    """
    found = dict(_CORE)
    for provider in providers:
        for scheme, verifier in provider.verifications().items():
            if found.setdefault(scheme, verifier) is not verifier:
                raise ConfigurationError(
                    f"webhook scheme {scheme!r} is known twice; provider {provider.name!r} needs another name"
                )
    return found
