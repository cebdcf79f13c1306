"""A request as handlers see it, the answer they give, and the lists they page through."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic_core import from_json

from resolute.testing.simulating import Reply

from . import refs
from .api_errors import ApiError, invalid
from .auth import Actor
from .oncall import zone_of
from .state import Account, State
from .values import Json, as_list, as_object, as_text, parse_time

T = TypeVar("T")

TOO_DEEP = (
    "Offset+limit exceeds maximum allowed value of 10000. Please try to refine your search to reduce the returned"
    " set of records below this number, like adding a date range."
)


class Query:
    """The query of a request. Parameters that a handler does not ask for are ignored, as PagerDuty does."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        if text:
            for name, value in parse_qsl(text, keep_blank_values=True):
                self._values.setdefault(name, []).append(value)

    def one(self, name: str) -> str | None:
        """Return the last value of a parameter, or None."""
        values = self._values.get(name)
        return values[-1] if values else None

    def many(self, name: str) -> list[str]:
        """Return all values of a bracketed parameter, such as `statuses[]`."""
        return self._values.get(name, [])

    def flag(self, name: str) -> bool:
        """Return whether a boolean parameter is on; only lower case words and 1 count."""
        return self.one(name) in ("true", "1")

    def as_dict(self) -> dict[str, list[str]]:
        """Return all parameters."""
        return self._values

    def without(self, *names: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the other parameters as a value that can be a key."""
        return tuple((name, tuple(values)) for name, values in self._values.items() if name not in names)


@dataclass(kw_only=True)
class Call:
    """A request that has been routed and, for REST, authenticated."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    raw: bytes
    account: Account
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    actor: Actor = field(default_factory=Actor.nobody)

    @property
    def state(self) -> State:
        """The account's resources."""
        return self.account.state

    @cached_property
    def body(self) -> Json:
        """The body as a JSON object.

        Raises:
            ApiError: 400 if it is anything else.
        """
        try:
            found = as_object(from_json(self.raw))
        except ValueError as error:
            raise invalid("The request body is not valid JSON") from error
        if found is None:
            raise invalid("The request body must be a JSON object")
        return found

    def wrapped(self, name: str) -> Json:
        """Return the object that the body wraps under a name.

        Raises:
            ApiError: 400 if it is missing.
        """
        found = as_object(self.body.get(name))
        if found is None:
            raise invalid(f"{name.replace('_', ' ').capitalize()} cannot be empty")
        return found

    @cached_property
    def agent(self) -> Json:
        """A reference to the user who makes this request.

        Raises:
            ApiError: 400 with code 2016 if it names nobody.
        """
        if self.actor.user_id:
            return refs.user(self.account, self.actor.user_id)
        raise ApiError(400, 2016)

    @property
    def zone(self) -> tzinfo:
        """The time zone in which times without an offset are read.

        Raises:
            ApiError: 400 if the name is unknown.
        """
        name = self.query.one("time_zone")
        try:
            return zone_of(name) if name else UTC
        except ValueError as error:
            raise invalid("Time zone is invalid") from error

    def moment(self, name: str) -> datetime | None:
        """Return a time of the query, or None.

        Raises:
            ApiError: 400 with code 2004 if it is no time.
        """
        text = self.query.one(name)
        if not text:
            return None
        try:
            return parse_time(text, self.zone)
        except ValueError as error:
            raise ApiError(400, 2004, f"{name} is not a valid ISO 8601 time") from error

    def window(self) -> tuple[datetime | None, datetime | None]:
        """Return `since` and `until`.

        Raises:
            ApiError: 400 with code 2004 if they are no times or in the wrong order.
        """
        since, until = self.moment("since"), self.moment("until")
        if since and until and since > until:
            raise ApiError(400, 2004, "since must be before until")
        return since, until

    def paging(self) -> tuple[int, int]:
        """Return limit and offset.

        Raises:
            ApiError: 400 if they are no numbers, or if together they exceed 10,000.
        """
        limit, offset = self._number("limit", 25), self._number("offset", 0)
        if limit < 1:
            raise invalid("Limit must be between 1 and 100")
        limit = min(limit, 100)
        if limit + offset > 10_000:
            raise ApiError(400, 2002, TOO_DEEP)
        return limit, offset

    def _number(self, name: str, default: int) -> int:
        text = self.query.one(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise invalid(f"{name.capitalize()} must be a number that is not negative")
        return int(text)

    def page(self, name: str, items: Sequence[T], show: Callable[[T], Json]) -> Reply:
        """Answer with one page of a list; `total` stays null unless it is asked for."""
        limit, offset = self.paging()
        shown = [show(item) for item in items[offset : offset + limit]]
        return Reply(200, {name: shown, **self._frame(len(items), limit, offset)})

    def encoded_page(self, name: str, items: Sequence[T], encode: Callable[[T], str]) -> Reply:
        """Answer as `page` does, out of items that have been encoded before: long pages cost next to nothing."""
        limit, offset = self.paging()
        texts = ",".join([encode(item) for item in items[offset : offset + limit]])
        frame = json.dumps(self._frame(len(items), limit, offset))
        return Reply(200, f'{{"{name}":[{texts}],{frame[1:]}'.encode())

    def _frame(self, count: int, limit: int, offset: int) -> Json:
        total = count if self.query.flag("total") else None
        return {"limit": limit, "offset": offset, "total": total, "more": offset + limit < count}


def reference_id(value: object, name: str) -> str:
    """Return the id out of a reference in a body.

    Raises:
        ApiError: 400 if there is none.
    """
    found = as_object(value)
    identity = as_text(found.get("id")) if found else None
    if identity is None:
        raise invalid(f"{name} must be a reference with an id")
    return identity


def reference_ids(value: object, name: str) -> list[str]:
    """Return the ids out of a list of references in a body.

    Raises:
        ApiError: 400 if it is no list of references.
    """
    found = as_list(value)
    if found is None:
        raise invalid(f"{name} must be a list of references")
    return [reference_id(each, name) for each in found]


def required_text(source: Json, name: str, longest: int | None = None) -> str:
    """Return a text out of a body.

    Raises:
        ApiError: 400 if it is missing, blank or too long.
    """
    text = as_text(source.get(name))
    words = name.replace("_", " ").capitalize()
    if text is None:
        raise invalid(f"{words} cannot be empty")
    if longest and len(text) > longest:
        raise invalid(f"{words} is too long (maximum is {longest} characters)")
    return text


def matches(text: str, query: str | None) -> bool:
    """Whether a name contains what a `query` parameter asks for, in any case of letters."""
    return not query or query.casefold() in text.casefold()


Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation.

    Attributes:
        method: The HTTP method.
        path: The path, with `{name}` for a parameter.
        handler: What answers.
        scope: The scope that an OAuth token needs; None if any will do.
        needs_from: Whether an account key has to send a From header.
        limit: The name of a rate limit that holds for this operation alone.
        public: Whether it is reached without an Authorization header.
    """

    method: str
    path: str
    handler: Handler
    scope: str | None = None
    needs_from: bool = False
    limit: str | None = None
    public: bool = False


def get(path: str, handler: Handler, scope: str | None, **options: Any) -> Route:
    """Return the route of a read."""
    return Route(method="GET", path=path, handler=handler, scope=scope, **options)


def post(path: str, handler: Handler, scope: str | None, **options: Any) -> Route:
    """Return the route of a POST."""
    return Route(method="POST", path=path, handler=handler, scope=scope, **options)


def put(path: str, handler: Handler, scope: str | None, **options: Any) -> Route:
    """Return the route of a PUT."""
    return Route(method="PUT", path=path, handler=handler, scope=scope, **options)


def delete(path: str, handler: Handler, scope: str | None, **options: Any) -> Route:
    """Return the route of a DELETE."""
    return Route(method="DELETE", path=path, handler=handler, scope=scope, **options)
