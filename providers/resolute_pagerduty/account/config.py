"""The settings of one account: its credentials, and where PagerDuty is."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, field_validator

from resolute.providing.config import Address, Key, ProviderConfig, Words
from resolute_pagerduty.account.doubt import USUAL_SETTLE

PREFIX: Final = "PAGERDUTY_"

_REST: Final = {"us": "https://api.pagerduty.com", "eu": "https://api.eu.pagerduty.com"}
_EVENTS: Final = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
_IDENTITY: Final = "https://identity.pagerduty.com"


class PagerDutyConfig(ProviderConfig):
    """The settings of one PagerDuty account, given as arguments; `from_env()` reads `PAGERDUTY_...` instead.

    The REST API needs one credential: an API key of the account or of a user, an OAuth token, or an app's client id and
    secret with the account's subdomain, for which tokens are fetched and renewed. The Events API needs a routing key.

    Attributes:
        api_key: a REST API key, of the account or of a user.
        oauth_token: an OAuth access token, instead of a key.
        client_id: the id of an app with scoped OAuth, instead of a key.
        client_secret: its secret.
        subdomain: the account that the app is used for, as in `https://<subdomain>.pagerduty.com`.
        scopes: what the app requests, such as `incidents.read incidents.write`.
        routing_key: the integration key for events whose node names none.
        service_key: an older name for `routing_key`; used if that is not set.
        from_email: the login address of the user as whom an account's key makes changes.
        region: the service region of the account.
        requests_per_minute: how many requests nodes may start, on all workers together; PagerDuty accepts 960 per
            credential, from all its users.
        settle_seconds: how long PagerDuty may still be processing a request whose answer was lost, counted from when
            it was sent. Writes that add something each time, such as a note, are looked for and repeated only then.
        api_url: another URL for the REST API, such as the simulator's.
        events_url: another URL for the Events API.
        identity_url: another URL for OAuth tokens.

    Example:
        >>> PagerDutyConfig(api_key=SecretStr("a key of the account"), region="eu").rest_base
        'https://api.eu.pagerduty.com'

    Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/02-Authentication.md
    """

    api_key: Key = None
    oauth_token: Key = None
    client_id: str | None = None
    client_secret: Key = None
    subdomain: str | None = None
    scopes: Words = ()
    routing_key: Key = None
    service_key: Key = None
    from_email: Annotated[str, Field(pattern=r"^[!-?A-~]+@[!-?A-~]+$")] | None = None
    region: Literal["us", "eu"] = "us"
    requests_per_minute: Annotated[int, Field(ge=1)] = 960
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = USUAL_SETTLE
    api_url: Address = None
    events_url: Address = None
    identity_url: Address = None

    @field_validator("region", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    def problem(self) -> str:
        """That there is more than one credential, or half of one."""
        given = [name for name in ("api_key", "oauth_token", "client_id") if getattr(self, name)]
        if len(given) > 1:
            return f"{' and '.join(given)} are set; the REST API is reached with one of them"
        if self.client_id and not (self.client_secret and self.subdomain and self.scopes):
            return "client_id needs client_secret, subdomain and scopes beside it"
        return ""

    @classmethod
    def from_env(cls, account: str | None = None) -> PagerDutyConfig:
        """The settings of an account from the environment: `PAGERDUTY_API_KEY`, or `PAGERDUTY_<ACCOUNT>_API_KEY`.

        Raises:
            ConfigurationError: a value is invalid; the message names the variable, never the value.
        """
        return cls.read(prefix_of(account))

    @property
    def rest_base(self) -> str:
        """The URL of the REST API."""
        return self.api_url or _REST[self.region]

    @property
    def events_base(self) -> str:
        """The URL of the Events API."""
        return self.events_url or _EVENTS[self.region]

    @property
    def identity_base(self) -> str:
        """The URL that OAuth tokens come from; the same for all regions."""
        return self.identity_url or _IDENTITY

    @property
    def events_key(self) -> SecretStr | None:
        """The routing key for events that name none."""
        return self.routing_key or self.service_key


def prefix_of(account: str | None) -> str:
    """What the names of the variables of an account begin with; None is the account that nodes use by default.

    >>> prefix_of("eu")
    'PAGERDUTY_EU_'
    """
    return PREFIX if account is None else f"{PREFIX}{account.upper().replace('-', '_')}_"
