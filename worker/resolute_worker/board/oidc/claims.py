"""Reads who somebody is, and what they may do, from what the issuer says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from resolute_worker.board.oidc.config import OidcConfig
from resolute_worker.board.oidc.errors import LoginRefusedError
from resolute_worker.board.people import ROLES, Person

LONGEST_NAME: Final = 200
"""Characters of a name."""


def person_from(claims: Mapping[str, Any], config: OidcConfig) -> Person:
    """The person of some claims.

    An e-mail address names somebody only if the issuer has verified it: elsewhere people may give any as theirs. Who
    has none is named by the subject, which is the issuer's own.

    Raises:
        LoginRefusedError: the person has no name or no role; says which claim is missing.
    """
    name = _name(claims, config)
    known, found = claim_of(claims, config.roles_claim), set(config.roles.get("*", ()))
    for value in _texts(known):
        found |= config.roles.get(value, frozenset())
    if not found:
        had = "has none that RESOLUTE_BOARD_OIDC_ROLES names" if known is not None else "is missing"
        raise LoginRefusedError(
            f"{name} has no role on this board: the claim {config.roles_claim!r} {had}. Ask for a role, or have the "
            "issuer send the claim (RESOLUTE_BOARD_OIDC_CLAIM, RESOLUTE_BOARD_OIDC_SCOPES)"
        )
    return Person(name, frozenset(role for role in ROLES if role in found))


def is_complete(claims: Mapping[str, Any], config: OidcConfig) -> bool:
    """Whether the claims that are needed are there."""
    return all(claim_of(claims, name) is not None for name in (config.name_claim, config.roles_claim))


def claim_of(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by its path such as `realm_access.roles`; None where there is none."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
    return value


def _name(claims: Mapping[str, Any], config: OidcConfig) -> str:
    named = claim_of(claims, config.name_claim)
    if config.name_claim == "email" and (named is None or claims.get("email_verified") not in (True, "true")):
        named = claims.get("sub")
    if not isinstance(named, str) or not named.strip():
        raise LoginRefusedError(
            f"the issuer does not say who this is: the claim {config.name_claim!r} is missing "
            "(RESOLUTE_BOARD_OIDC_NAME, RESOLUTE_BOARD_OIDC_SCOPES)"
        )
    if len(named) > LONGEST_NAME or not named.isprintable():
        raise LoginRefusedError(f"the claim {config.name_claim!r} is no name of at most {LONGEST_NAME} characters")
    return named.strip()


def _texts(value: Any) -> list[str]:
    """The values of a claim: one text, or a list of texts."""
    listed = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str)]
