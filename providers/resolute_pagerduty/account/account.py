"""One PagerDuty account: every request goes through here, with its credential, grants and audit log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from resolute.providing.guard import Guard
from resolute_pagerduty.account.config import PagerDutyConfig
from resolute_pagerduty.account.credentials import Credential, credential_of
from resolute_pagerduty.account.sender import Sender
from resolute_pagerduty.errors import (
    MissingSettingError,
    RateLimitedError,
    TokenExpiredError,
    UnreadableAnswerError,
)
from resolute_pagerduty.http.exchange import Answer, JsonBody, Request, Transport
from resolute_pagerduty.http.operations import GET_ME, Operation
from resolute_pagerduty.http.query import path_of, query_of

ACCEPT: Final = "application/vnd.pagerduty+json;version=2"
"""Pins the shape of answers. Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/03-Versioning.md"""


class Account:
    """A PagerDuty account as nodes use it.

    Every request is checked against the grants, sent once and written to the audit log; an error answer is raised.
    Nothing here waits or repeats: that is up to the node's policy.

    Attributes:
        name: the account's name among those of the provider.
        config: its settings.
        prefix: what the names of its settings start with.
        credential: who makes the requests.
    """

    def __init__(self, name: str, config: PagerDutyConfig, *, prefix: str, transport: Transport, guard: Guard) -> None:
        self.name = name
        self.config = config
        self.prefix = prefix
        self._transport = transport
        self._sender = Sender(name, transport, guard, settle=config.settle_seconds, prefix=prefix)
        self.credential: Credential = credential_of(config, self._post_form)
        self._from = config.from_email
        self._full_until: dict[str, float] = {}

    async def send(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        settles: bool | None = None,
    ) -> Any:
        """Sends one REST API request and returns the JSON of its answer; None for an empty answer.

        Args:
            operation: what to request.
            path: the parts of the operation's path.
            query: parameters by name; a list stands for `name[]`; None leaves a parameter out.
            body: the JSON to send.
            settles: overrides the operation's own, where that depends on what is sent.

        Raises:
            NotGrantedError: the provider was not granted the operation; nothing was sent.
            MissingSettingError: a credential or an address is not set; nothing was sent.
            PagerDutyAPIError: PagerDuty refused, or did not answer.
        """
        where = path_of(operation, path or {})
        await self._sender.check_grant(operation, where)
        self._check_limit(operation)
        header = await self.credential.header()
        if self.credential.lacks(operation.scope):
            raise MissingSettingError(
                f"{operation.method} {where} needs the scope {operation.scope}: {self.prefix}SCOPES asks for it, "
                "PagerDuty did not grant it; add it to the app's permissions"
            )
        headers = {"authorization": header, "accept": ACCEPT}
        if operation.needs_from:
            headers["from"] = await self._from_address(operation, where)
        request = Request(
            method=operation.method,
            base=self.config.rest_base,
            path=where,
            query=query_of(query or {}),
            headers=headers,
            body=body,
            asks=operation.reads,
        )
        settling = operation.settles if settles is None else settles
        answer = await self._sender.send(operation, request, where, settles=settling)
        return self._judged(operation, request, answer, header)

    async def enqueue(self, operation: Operation, event: JsonBody, resource: str) -> JsonBody:
        """Sends one event. Its routing key is its credential; nothing else of the account is sent.

        Args:
            operation: which kind of event.
            event: the whole event, with its routing key.
            resource: its name in the audit log.

        Raises:
            NotGrantedError: the provider was not granted the operation; nothing was sent.
            PagerDutyAPIError: PagerDuty refused, or did not answer.
        """
        await self._sender.check_grant(operation, resource)
        request = Request(
            method=operation.method,
            base=self.config.events_base,
            path=operation.path,
            headers={"accept": "application/json"},
            body=event,
        )
        answer = await self._sender.send(operation, request, resource, settles=operation.settles)
        if not answer.ok:
            # The Events API does not say how long to wait: the node's own policy starts at one second and doubles it.
            raise answer.error(request.what, prefix=self.prefix, usual_wait=None)
        found = answer.json(request.what)
        return cast("JsonBody", found) if isinstance(found, dict) else {}

    async def user_of_credential(self) -> JsonBody | None:
        """The user that the credential belongs to; None for an account's key and for an app.

        Raises:
            PagerDutyAPIError: PagerDuty does not accept the credential, or did not answer.
        """
        header = await self.credential.header()
        request = Request(
            method=GET_ME.method,
            base=self.config.rest_base,
            path=GET_ME.path,
            headers={"authorization": header, "accept": ACCEPT},
        )
        answer = await self._sender.send(GET_ME, request, GET_ME.path, settles=False)
        if answer.status in (400, 403, 404):
            return None
        found = self._judged(GET_ME, request, answer, header)
        return object_in(found, "user")

    def _check_limit(self, operation: Operation) -> None:
        """Holds back a request that PagerDuty has said it will refuse, so that it does not count again."""
        for key in _limits_of(operation):
            left = self._full_until.get(key, 0.0) - time.monotonic()
            if left > 0:
                raise RateLimitedError(
                    f"{operation.method} {operation.path}: the rate limit is used up for {left:.0f} more seconds; "
                    "nothing was sent",
                    retry_after=timedelta(seconds=left),
                )

    async def _from_address(self, operation: Operation, where: str) -> str:
        if self._from is None:
            # A user's key or token acts as that user, and PagerDuty says who that is.
            user = await self.user_of_credential()
            email = user.get("email") if user else None
            if not isinstance(email, str):
                raise MissingSettingError(
                    f"{operation.method} {where} is done as a user, and an account's API key has none: "
                    f"set {self.prefix}FROM_EMAIL to the login address of one of the account's users"
                )
            self._from = email
        return self._from

    async def _post_form(self, path: str, form: Mapping[str, str]) -> Answer:
        return await self._transport.send(
            Request(method="POST", base=self.config.identity_base, path=path, form=form, asks=True)
        )

    def _judged(self, operation: Operation, request: Request, answer: Answer, header: str) -> Any:
        self._note_limit(operation, answer)
        another = self.credential.judged(header, valid=answer.status != 401)
        if answer.ok:
            return answer.json(request.what)
        error = answer.error(request.what, prefix=self.prefix, hint=self._hint(operation, answer))
        if answer.status == 401 and another:
            error = TokenExpiredError(str(error), status=401, code=error.code, request_id=error.request_id)
        raise error

    def _hint(self, operation: Operation, answer: Answer) -> str:
        match answer.status:
            case 401:
                other = "eu" if self.config.region == "us" else "us"
                return (
                    f"check the credential; {self.config.rest_base} also answers like this to accounts of the other "
                    f"service region: if yours is one, set PAGERDUTY_REGION={other}"
                )
            case 403:
                scope = f"; with scoped OAuth it needs the scope {operation.scope}" if operation.scope else ""
                return f"the credential is not allowed to do this: a read-only key can only read{scope}"
            case _:
                return ""

    def _note_limit(self, operation: Operation, answer: Answer) -> None:
        if answer.reset is not None and (answer.exhausted or answer.status == 429):
            self._full_until[_limits_of(operation)[0]] = time.monotonic() + answer.reset.total_seconds()


def _limits_of(operation: Operation) -> tuple[str, ...]:
    """The limits that an operation counts against; headers of its answers describe the first."""
    return (operation.id, "credential") if operation.limit == "own" else ("credential",)


def object_in(answer: Any, name: str) -> JsonBody:
    """The object that an answer contains under a name.

    Raises:
        UnreadableAnswerError: it is missing.
    """
    found = cast("JsonBody", answer).get(name) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise UnreadableAnswerError(f"the answer holds no {name!r}; PagerDuty may be down, or this is not PagerDuty")
    return cast("JsonBody", found)


def values_in(answer: Any, name: str) -> list[Any]:
    """The list that an answer contains under a name.

    Raises:
        UnreadableAnswerError: it is missing.
    """
    found = cast("JsonBody", answer).get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise UnreadableAnswerError(f"the answer holds no {name!r}; PagerDuty may be down, or this is not PagerDuty")
    return cast("list[Any]", found)


def list_in(answer: Any, name: str) -> list[JsonBody]:
    """The list of objects that an answer contains under a name.

    Raises:
        UnreadableAnswerError: it is missing.
    """
    return [cast("JsonBody", item) for item in values_in(answer, name) if isinstance(item, dict)]
