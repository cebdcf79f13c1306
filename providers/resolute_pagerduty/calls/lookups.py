"""Finds what may already exist, so that nothing is created twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from resolute_pagerduty.account.account import Account, object_in
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import Operation
from resolute_pagerduty.models.base import Model

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[M]):
    """Something whose name is unique.

    Attributes:
        model: what it is.
        name: what PagerDuty wraps one in, such as `team`.
        plural: what PagerDuty wraps a list in, such as `teams`.
        lookup: lists them.
        create: creates one.
        field: the field that tells them apart.
    """

    model: type[M]
    name: str
    plural: str
    lookup: Operation
    create: Operation
    field: str = "name"

    async def find(self, account: Account, value: str) -> M | None:
        """The one with the value, ignoring case; PagerDuty's own search also finds parts of it."""
        found = await walk(account, self.lookup, self.plural, self.model, query={"query": value})
        wanted = value.casefold()
        return next((item for item in found.items if str(getattr(item, self.field)).casefold() == wanted), None)

    async def make(self, account: Account, body: JsonBody) -> tuple[M, bool]:
        """The existing one, unchanged, or a new one; and whether it is new."""
        found = await self.find(account, str(body[self.field]))
        if found is not None:
            return found, False
        answer = await account.send(self.create, body={self.name: {"type": self.name, **body}})
        return self.model.model_validate(object_in(answer, self.name)), True
