"""Says whether the credentials of an account work, and what they can do. Pages nobody and changes nothing.

async with PagerDuty.from_env() as provider:
    report = await check_account(provider.account())
"""

from __future__ import annotations

import secrets
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from resolute.plan.errors import NodeError, NotGrantedError
from resolute_pagerduty.account.account import Account, list_in, values_in
from resolute_pagerduty.account.credentials import AppCredential, NoCredential
from resolute_pagerduty.calls.events import send_alert
from resolute_pagerduty.errors import (
    BadRequestError,
    ForbiddenError,
    MissingSettingError,
    NotFoundError,
    PagerDutyAPIError,
)
from resolute_pagerduty.http.operations import LIST_ABILITIES, LIST_USERS, UPDATE_INCIDENT
from resolute_pagerduty.models.people import User

KeyKind = Literal["key of the account", "key or token of a user", "app with scoped OAuth", "none"]

_NOBODY: Final = "PRESOLUTE0TEST"
"""An incident that does not exist: writing to it shows whether writing is allowed, and changes nothing."""


class Check(BaseModel):
    """One thing that was checked. `ok` is null if it could not be checked."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool | None
    message: str


class CredentialsReport(BaseModel):
    """What the credentials of an account are, and what they can do.

    Attributes:
        account: the account's name among those of the provider.
        kind: as whom the credential acts.
        user: the user it belongs to, if it belongs to one.
        can_write: whether it may change things; null if that is not known.
        granted_scopes: what an app was granted; empty for other credentials.
        missing_scopes: what an app requested but was not granted.
        abilities: the features of the account's plan, by PagerDuty's names.
        checks: everything that was checked, in order.
    """

    model_config = ConfigDict(frozen=True)

    account: str
    region: str
    api_url: str
    kind: KeyKind
    user: User | None = None
    can_write: bool | None = None
    granted_scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    abilities: tuple[str, ...] = ()
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing failed."""
        return any(check.ok for check in self.checks) and not any(check.ok is False for check in self.checks)


async def check_account(account: Account) -> CredentialsReport:
    """Checks the credentials of an account: for REST, for From, for changes, and for events.

    Raises:
        UnreachableError: PagerDuty does not answer at all.
    """
    facts: dict[str, Any] = {}
    checks: list[Check] = []
    if isinstance(account.credential, NoCredential):
        facts["kind"] = "none"
        checks.append(Check(name="REST API", ok=None, message=f"{account.prefix}API_KEY is not set: events only"))
    else:
        checks += await _check_rest(account, facts)
    checks.append(await _check_events(account))
    return CredentialsReport(
        account=account.name,
        region=account.config.region,
        api_url=account.config.rest_base,
        checks=tuple(checks),
        **facts,
    )


async def _check_rest(account: Account, facts: dict[str, Any]) -> list[Check]:
    facts["kind"] = "key of the account"
    try:
        user = await account.user_of_credential()
    except NodeError as error:
        return [Check(name="REST API", ok=False, message=str(error))]
    if user is not None:
        facts["kind"], facts["user"] = "key or token of a user", User.model_validate(user)
    credential = account.credential
    if isinstance(credential, AppCredential):
        facts["kind"] = "app with scoped OAuth"
        facts["granted_scopes"] = tuple(sorted(credential.granted))
        facts["missing_scopes"] = tuple(sorted(set(account.config.scopes) - credential.granted))
    sender = await _check_from(account, facts)
    checks = [*await _check_abilities(account, facts), sender]
    if facts.get("missing_scopes"):
        missing = ", ".join(facts["missing_scopes"])
        message = f"{missing}: requested but not granted; add them to the app's permissions"
        checks.append(Check(name="scopes", ok=False, message=message))
    if sender.ok or (sender.ok is None and account.config.from_email):
        checks.append(await _check_writing(account, facts, known=bool(sender.ok)))
    return checks


async def _check_abilities(account: Account, facts: dict[str, Any]) -> list[Check]:
    """PagerDuty has already accepted the credential; what it may not read is not a failure."""
    kind = facts["kind"]
    try:
        found = values_in(await account.send(LIST_ABILITIES), "abilities")
    except (ForbiddenError, NotGrantedError, MissingSettingError) as error:
        return [
            Check(name="REST API", ok=True, message=kind),
            Check(name="abilities", ok=None, message=f"could not be looked at: {error}"),
        ]
    except NodeError as error:
        return [Check(name="REST API", ok=False, message=str(error))]
    facts["abilities"] = tuple(str(name) for name in found)
    return [Check(name="REST API", ok=True, message=f"{kind}; {len(found)} abilities")]


async def _check_from(account: Account, facts: dict[str, Any]) -> Check:
    name, email = "From", account.config.from_email
    if email is None:
        user = facts.get("user")
        if user is not None:
            return Check(name=name, ok=True, message=f"{user.email}, the owner of the credential")
        return Check(
            name=name, ok=None, message=f"{account.prefix}FROM_EMAIL is not set: incidents can be read, not changed"
        )
    try:
        users = list_in(await account.send(LIST_USERS, query={"query": email, "limit": 100}), "users")
    except NodeError as error:
        return Check(name=name, ok=None, message=f"{email} could not be looked up: {error}")
    if any(str(user.get("email", "")).lower() == email.lower() for user in users):
        return Check(name=name, ok=True, message=email)
    return Check(
        name=name, ok=False, message=f"{account.prefix}FROM_EMAIL is {email}, which is not a user's login address"
    )


async def _check_writing(account: Account, facts: dict[str, Any], *, known: bool) -> Check:
    """Changes an incident that does not exist. `known` says that From is one of the account's users."""
    name = "changes"
    body = {"incident": {"type": "incident_reference", "title": "Does not exist"}}
    try:
        await account.send(UPDATE_INCIDENT, path={"id": _NOBODY}, body=body)
    except ForbiddenError:
        facts["can_write"] = False
        return Check(name=name, ok=None, message="not allowed: the credential is read-only")
    except BadRequestError as error:
        if not known:  # PagerDuty may be refusing the sender
            return Check(name=name, ok=None, message=f"could not be found out: {error}")
        facts["can_write"] = True
        return Check(name=name, ok=True, message="allowed")
    except NotFoundError:
        facts["can_write"] = True
        return Check(name=name, ok=True, message="allowed")
    except NotGrantedError as error:
        return Check(name=name, ok=None, message=f"not tried: {error}")
    except NodeError as error:
        return Check(name=name, ok=None, message=str(error))
    return Check(name=name, ok=None, message="an incident that does not exist was changed; is this PagerDuty?")


async def _check_events(account: Account) -> Check:
    """Resolves an alert that nobody ever opened: PagerDuty checks the routing key and ignores the event."""
    name = "Events API"
    if account.config.events_key is None:
        return Check(name=name, ok=None, message=f"{account.prefix}ROUTING_KEY is not set")
    try:
        await send_alert(account, "resolve", None, f"resolute-test-{secrets.token_hex(16)}")
    except PagerDutyAPIError as error:
        return Check(name=name, ok=False, message=str(error))
    except NodeError as error:
        return Check(name=name, ok=None, message=f"not tried: {error}")
    return Check(name=name, ok=True, message="the routing key is accepted")
