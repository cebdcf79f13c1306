"""Verifies ID tokens (OpenID Connect Core 1.0, section 3.1.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authlib.oidc.core import CodeIDToken  # pyright: ignore[reportMissingTypeStubs]  # authlib has no types
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.jwt import decode

from resolute_worker.board.oidc.config import OidcConfig
from resolute_worker.board.oidc.errors import LoginRefusedError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""What a token may be signed with: never `none`, and nothing that whoever knows the public key could make."""

SKEW: Final = 60
"""Seconds by which the clocks of the issuer and of this machine may differ."""

LONGEST: Final = 32_768
"""Characters of a token that are looked at."""


class _Headers(JWSRegistry):
    """Takes what issuers put beside the key's name, such as its certificates; it is not looked at."""

    max_header_length = 16_384


_HEADERS: Final = _Headers(algorithms=ALGORITHMS, strict_check_header=False)


class UnknownKeyError(LoginRefusedError):
    """A token is signed with a key that is not known yet."""


def verified(
    token: str, keys: KeySet, config: OidcConfig, *, nonce: str, access_token: str | None, now: float
) -> Mapping[str, Any]:
    """The claims of an ID token that this issuer made for this board and this login.

    Raises:
        UnknownKeyError: its key is not among these.
        LoginRefusedError: it is not such a token; says why.
    """
    if len(token) > LONGEST:
        raise LoginRefusedError(f"the ID token has more than {LONGEST:,} characters")
    try:
        decoded = decode(token, keys, algorithms=ALGORITHMS, registry=_HEADERS)
    except (InvalidKeyIdError, BadSignatureError):
        raise UnknownKeyError("the ID token is not signed with a key of the issuer") from None
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise LoginRefusedError(f"the ID token cannot be believed: {_said(error)}") from None
    claims: Any = CodeIDToken(
        decoded.claims,
        decoded.header,
        {"iss": {"essential": True, "value": config.issuer}, "aud": {"essential": True, "value": config.client_id}},
        {"nonce": nonce, "client_id": config.client_id, "access_token": access_token},
    )
    try:
        claims.validate(now=int(now), leeway=SKEW)
    except ExpiredTokenError:
        late = int(now - claims["exp"])
        raise LoginRefusedError(f"the ID token ended {late} s ago, by the clock of the board: {_CLOCKS}") from None
    except (JoseError, ValueError, TypeError) as error:
        if isinstance(ahead := claims.get("iat"), (int, float)) and ahead - now > SKEW:
            raise LoginRefusedError(f"the ID token was made {int(ahead - now)} s from now: {_CLOCKS}") from None
        raise LoginRefusedError(f"the ID token cannot be believed: {_said(error)}") from None
    return dict(claims)


_CLOCKS: Final = "compare the clocks of the issuer and of this machine"


def _said(error: Exception) -> str:
    return str(error)[:200] if isinstance(error, JoseError) else "it cannot be read"
