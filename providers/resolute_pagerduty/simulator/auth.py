"""Credentials: who makes a request, and what they may do."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from .api_errors import ApiError, invalid
from .values import Ids, Json

SCOPES = frozenset(
    {
        f"{room}.{verb}"
        for room in ("incidents", "services", "schedules", "escalation_policies", "users", "teams")
        for verb in ("read", "write")
    }
    | {"oncalls.read", "priorities.read", "abilities.read", "analytics.read", "analytics.write"}
    | {"webhook_subscriptions.read", "webhook_subscriptions.write", "change_events.read", "change_events.write"}
    | {"incident_workflows.read", "incident_workflows.write", "incident_workflows:instances.write", "openid"}
)
"""The scopes that can be granted; asking for any other is no error, it is just not granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who makes a request.

    Attributes:
        kind: The kind of credential.
        name: What rate limits are counted by; no secret.
        user_id: The user that the credential belongs to, or that the From header names.
        scopes: What an OAuth token may do; None for API keys.
    """

    kind: Literal["nobody", "account", "user", "read_only", "app", "user_oauth"]
    name: str = ""
    user_id: str | None = None
    scopes: frozenset[str] | None = None

    @classmethod
    def nobody(cls) -> "Actor":
        """Return the actor of operations that need no credential."""
        return cls(kind="nobody")

    def may(self, scope: str) -> bool:
        """Whether the credential covers a scope; the classic scopes are plain `read` and `write`."""
        if self.scopes is None or scope in self.scopes:
            return True
        return "write" in self.scopes or (scope.endswith(".read") and "read" in self.scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An API key; `user_id` belongs to keys of the kind `user`."""

    kind: Literal["account", "user", "read_only"]
    name: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """An app that may ask for tokens with client credentials."""

    id: str
    secret: str = field(repr=False)
    scopes: frozenset[str] = SCOPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An OAuth access token."""

    actor: Actor
    expires_at: datetime


class Credentials:
    """The keys, apps and tokens of an account.

    Attributes:
        token_lifetime: How long a new access token is good for; a day at PagerDuty.
    """

    def __init__(self, ids: Ids, subdomain: str, region: Literal["us", "eu"] = "us") -> None:
        self._ids = ids
        self._account_scope = f"as_account-{region}.{subdomain}"
        self._keys: dict[str, ApiKey] = {}
        self._clients: dict[str, OAuthClient] = {}
        self._tokens: dict[str, Token] = {}
        self.token_lifetime = timedelta(days=1)

    def add_key(self, key: str, entry: ApiKey) -> None:
        """Make an API key valid."""
        self._keys[key] = entry

    def add_client(self, client: OAuthClient) -> None:
        """Register an app."""
        self._clients[client.id] = client

    def revoke(self, credential: str) -> None:
        """Make an API key or a token invalid."""
        self._keys.pop(credential, None)
        self._tokens.pop(credential, None)

    def issue(self, scopes: frozenset[str], now: datetime, *, user_id: str | None = None, name: str = "app") -> str:
        """Return a new access token: of a user if one is named, else of an app."""
        token = f"pdus+_0XBPWQQ_{self._ids.uuid('token')}"
        kind = "user_oauth" if user_id else "app"
        actor = Actor(kind=kind, name=f"{kind}:{user_id or name}", user_id=user_id, scopes=scopes)
        self._tokens[token] = Token(actor=actor, expires_at=now + self.token_lifetime)
        return token

    def identify(self, header: str | None, now: datetime) -> Actor:
        """Return who sent an Authorization header.

        Raises:
            ApiError: 401 if it is missing, malformed, unknown or expired.
        """
        kind, _, rest = (header or "").strip().partition(" ")
        if kind == "Token":
            name, _, key = rest.strip().partition("=")
            entry = self._keys.get(key.strip().strip('"')) if name == "token" else None
            if entry:
                limited_by = f"user:{entry.user_id}" if entry.user_id else entry.name
                return Actor(kind=entry.kind, name=limited_by, user_id=entry.user_id)
        elif kind == "Bearer":
            token = self._tokens.get(rest.strip())
            if token and now < token.expires_at:
                return token.actor
        raise ApiError(401, 2006)

    def exchange(self, form: dict[str, str], now: datetime) -> Json:
        """Answer a request for an app token; scopes that are unknown or not the app's are left out, not refused.

        Raises:
            ApiError: 400 for another grant type or without the account's scope, 401 for wrong credentials.
        """
        client = self._clients.get(form.get("client_id", ""))
        if form.get("grant_type") != "client_credentials":
            raise invalid("grant_type must be client_credentials")
        if client is None or client.secret != form.get("client_secret"):
            raise ApiError(401, 2006, "invalid_client")
        asked = form.get("scope", "").split()
        if self._account_scope not in asked:
            raise invalid(f"scope must contain {self._account_scope}")
        granted = [scope for scope in asked if scope in client.scopes] or ["openid"]
        token = self.issue(frozenset(granted), now, name=client.id)
        return {
            "access_token": token,
            "scope": " ".join([self._account_scope, *granted]),
            "token_type": "bearer",
            "expires_in": int(self.token_lifetime.total_seconds()),
        }
