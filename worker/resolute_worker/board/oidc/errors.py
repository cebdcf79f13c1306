"""Why somebody could not log in with OpenID Connect."""

from __future__ import annotations

from resolute.plan.errors import ResoluteError


class IssuerError(ResoluteError):
    """The issuer cannot be asked, or the board is not set up as the issuer expects: not the fault of who logs in."""


class LoginRefusedError(ResoluteError):
    """What came back from the issuer is no proof of who somebody is, or that person has no role."""
