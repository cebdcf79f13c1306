"""Reads lists: a page, all pages, or all incidents of a period of any length.

Source: https://github.com/PagerDuty/developer-docs/blob/HEAD/docs/REST-API/09-Pagination.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar, cast

from resolute_pagerduty.account.account import Account, list_in
from resolute_pagerduty.errors import InvalidRequestError, UnreadableAnswerError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import LIST_INCIDENTS, Operation
from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.incidents import Incident

DEEPEST: Final = 10_000
"""The largest limit + offset that PagerDuty answers."""

LARGEST_PAGE: Final = 100

LONGEST_WINDOW: Final = timedelta(days=180)
"""Incidents are listed for at most six months at a time; this is less, whichever months they are."""

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Walked(Generic[M]):
    """Items of all pages, and whether `limit` kept more from being read."""

    items: tuple[M, ...]
    more: bool


async def read_page(
    account: Account,
    operation: Operation,
    name: str,
    page: type[M],
    *,
    limit: int,
    offset: int,
    total: bool = False,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
) -> M:
    """One page of a list, as the model of the page.

    Raises:
        InvalidRequestError: the page is beyond what PagerDuty answers; nothing was sent.
    """
    if limit + offset > DEEPEST:
        raise InvalidRequestError(
            "offset", f"limit + offset is {limit + offset:,}, PagerDuty answers up to {DEEPEST:,}: narrow the filters"
        )
    asked = {**(query or {}), "limit": limit, "offset": offset, "total": total or None}
    answer: Any = await account.send(operation, path=path, query=asked)
    list_in(answer, name)
    return page.model_validate(answer)


async def walk(
    account: Account,
    operation: Operation,
    name: str,
    item: type[M],
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> Walked[M]:
    """The items of every page of a list, or the first `limit` of them.

    Raises:
        InvalidRequestError: the list is longer than PagerDuty pages through; nothing is left out silently.
        UnreadableAnswerError: PagerDuty says that there is more, but returns nothing.
    """
    items: list[M] = []
    more = True
    while more and (limit is None or len(items) < limit):
        size = LARGEST_PAGE if limit is None else min(LARGEST_PAGE, limit - len(items))
        if size + len(items) > DEEPEST:
            raise InvalidRequestError(
                name, f"are more than {DEEPEST:,}, the limit of PagerDuty's paging: narrow the filters"
            )
        found, more = await _read(account, operation, name, path, {**(query or {}), "limit": size}, len(items))
        items += map(item.model_validate, found)
    return Walked(tuple(items), more)


async def walk_incidents(
    account: Account, query: Mapping[str, Any], *, since: datetime, until: datetime, limit: int | None
) -> Walked[Incident]:
    """Every incident created in a period of any length, or the first `limit` of them, oldest first.

    A period of more than six months is read in parts. If a part has more incidents than PagerDuty pages through, the
    next pages start at the last incident that was read; duplicates count once.

    Raises:
        UnreadableAnswerError: PagerDuty says that there is more, but returns nothing new.
    """
    found: dict[str, Incident] = {}
    start, offset, more = since, 0, True
    while start < until and (limit is None or len(found) < limit):
        end = min(until, start + LONGEST_WINDOW)
        asked = {**query, "since": start, "until": end, "sort_by": "created_at:asc", "limit": LARGEST_PAGE}
        page, more = await _read(account, LIST_INCIDENTS, "incidents", None, asked, offset)
        incidents = [Incident.model_validate(each) for each in page]
        found |= {incident.id: incident for incident in incidents}
        offset += len(incidents)
        if not more:
            start, offset, more = end, 0, end < until
        elif offset + LARGEST_PAGE > DEEPEST:
            start, offset = _later(start, incidents[-1]), 0
    items = tuple(found.values())
    return Walked(items[:limit], more or (limit is not None and len(items) > limit))


def _later(start: datetime, last: Incident) -> datetime:
    if last.created_at is None or last.created_at <= start:
        raise UnreadableAnswerError(f"more than {DEEPEST:,} incidents were created at {start}: narrow the filters")
    return last.created_at


async def _read(
    account: Account,
    operation: Operation,
    name: str,
    path: Mapping[str, str] | None,
    query: Mapping[str, Any],
    offset: int,
) -> tuple[list[JsonBody], bool]:
    answer: Any = await account.send(operation, path=path, query={**query, "offset": offset})
    found = list_in(answer, name)
    more = bool(cast("JsonBody", answer).get("more"))
    if more and not found:
        raise UnreadableAnswerError(f"{operation.method} {operation.path}: an empty page that says there is more")
    return found, more
