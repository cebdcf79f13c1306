"""The settings of OpenID Connect: RESOLUTE_BOARD_OIDC_*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from resolute.plan.errors import ConfigurationError
from resolute_worker.board.hosts import is_safe
from resolute_worker.board.people import Role, roles_by_name
from resolute_worker.settings import Settings


@dataclass(frozen=True, kw_only=True)
class OidcConfig:
    """Who says who somebody is, and which role that gives.

    Attributes:
        issuer: the issuer's address, just as it calls itself.
        client_id: what the issuer calls the board.
        client_secret: how the board proves that.
        scopes: what is asked for.
        name_claim: the claim that names a person.
        roles_claim: the claim whose values give roles.
        roles: the roles of each value; those of `*` are for everybody.
    """

    issuer: str
    client_id: str
    client_secret: SecretStr
    scopes: str
    name_claim: str
    roles_claim: str
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict[str, frozenset[Role]])

    @property
    def host(self) -> str:
        """What people call the issuer."""
        return urlsplit(self.issuer).netloc

    def entries(self) -> list[str]:
        """What a session is worth depends on."""
        roles = sorted(f"{name}:{sorted(given)}" for name, given in self.roles.items())
        return [self.issuer, self.client_id, self.name_claim, self.roles_claim, *roles]


def oidc_from(settings: Settings) -> OidcConfig | None:
    """The settings of OpenID Connect; None where it is not used.

    Raises:
        ConfigurationError: only some of what is needed is set, or it cannot be read.
    """
    needed = {
        "ISSUER": settings.board_oidc_issuer,
        "CLIENT_ID": settings.board_oidc_client_id,
        "CLIENT_SECRET": settings.board_oidc_client_secret,
        "ROLES": settings.board_oidc_roles,
    }
    missing = [f"RESOLUTE_BOARD_OIDC_{name}" for name, value in needed.items() if value is None]
    if len(missing) == len(needed):
        return None
    issuer, secret = settings.board_oidc_issuer, settings.board_oidc_client_secret
    if missing or issuer is None or secret is None:
        raise ConfigurationError(f"to log in with OpenID Connect, set {', '.join(missing)} as well (docs/board.md)")
    if not is_safe(issuer):
        raise ConfigurationError(
            f"RESOLUTE_BOARD_OIDC_ISSUER is {issuer}: an issuer is reached by https://, or on this machine"
        )
    if not secret.get_secret_value().isascii():
        raise ConfigurationError("RESOLUTE_BOARD_OIDC_CLIENT_SECRET holds characters that are not ASCII: copy it again")
    return OidcConfig(
        issuer=issuer,
        client_id=settings.board_oidc_client_id or "",
        client_secret=secret,
        scopes=" ".join(dict.fromkeys(("openid", *settings.board_oidc_scopes))),
        name_claim=settings.board_oidc_name,
        roles_claim=settings.board_oidc_claim,
        roles=roles_by_name(settings.board_oidc_roles, "RESOLUTE_BOARD_OIDC_ROLES"),
    )
