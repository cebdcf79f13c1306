"""Reads lists: a page, or all pages.

Source: https://developer.pagerduty.com/docs/pagination
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

from resolute.context import current_call
from resolute_pagerduty.account import Account, list_in
from resolute_pagerduty.errors import InvalidRequestError, UnreadableAnswerError
from resolute_pagerduty.exchange import JsonBody
from resolute_pagerduty.models.base import Model
from resolute_pagerduty.operations import Operation

DEEPEST: Final = 10_000
"""The largest limit + offset that PagerDuty answers."""

LARGEST_PAGE: Final = 100

P = TypeVar("P", bound=Model)


async def read_page(
    account: Account,
    operation: Operation,
    name: str,
    page: type[P],
    *,
    limit: int,
    offset: int,
    total: bool = False,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
) -> P:
    """One page of a list, as the model of the page.

    Raises:
        InvalidRequestError: the page is deeper than PagerDuty answers; nothing was sent.
    """
    if limit + offset > DEEPEST:
        raise InvalidRequestError(
            "offset", f"limit + offset is {limit + offset:,}, PagerDuty answers up to {DEEPEST:,}: narrow the filters"
        )
    asked = {**(query or {}), "limit": limit, "offset": offset, "total": total or None}
    answer: Any = await account.send(operation, path=path, query=asked)
    list_in(answer, name)
    return page.model_validate(cast("JsonBody", answer))


async def walk(
    account: Account,
    operation: Operation,
    name: str,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    limit: int | None = None,
) -> list[JsonBody]:
    """The items of every page of a list, or the first `limit` of them. Heartbeats after each page.

    Raises:
        InvalidRequestError: the list is longer than PagerDuty pages through; nothing is left out silently.
        UnreadableAnswerError: PagerDuty says that there is more, and gives nothing.
    """
    items: list[JsonBody] = []
    while limit is None or len(items) < limit:
        size = LARGEST_PAGE if limit is None else min(LARGEST_PAGE, limit - len(items))
        if size + len(items) > DEEPEST:
            raise InvalidRequestError(
                name, f"are more than {DEEPEST:,}, which is as deep as PagerDuty's pages go: narrow the filters"
            )
        asked = {**(query or {}), "limit": size, "offset": len(items)}
        answer: Any = await account.send(operation, path=path, query=asked)
        found = list_in(answer, name)
        items += found
        current_call().heartbeat({"read": len(items)})
        if not cast("JsonBody", answer).get("more"):
            break
        if not found:
            raise UnreadableAnswerError(f"{operation.method} {operation.path}: an empty page that says there is more")
    return items
