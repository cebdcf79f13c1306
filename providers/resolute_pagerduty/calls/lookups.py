"""Finds what may be there already, so that nothing is made twice."""

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
    """Something that there cannot be two of with one name.

    Attributes:
        model: what it is.
        name: what PagerDuty wraps one in, such as `team`.
        plural: what PagerDuty wraps a list in, such as `teams`.
        lookup: lists them.
        create: makes one.
        field: the field that tells them apart.
    """

    model: type[M]
    name: str
    plural: str
    lookup: Operation
    create: Operation
    field: str = "name"

    async def find(self, account: Account, value: str) -> M | None:
        """The one with the value, in any case of letters; PagerDuty's own search also finds parts of it."""
        found = await walk(account, self.lookup, self.plural, self.model, query={"query": value})
        wanted = value.casefold()
        return next((item for item in found.items if str(getattr(item, self.field)).casefold() == wanted), None)

    async def make(self, account: Account, body: JsonBody) -> tuple[M, bool]:
        """The one that is there already, as it is, or a new one; and whether it is new."""
        found = await self.find(account, str(body[self.field]))
        if found is not None:
            return found, False
        answer = await account.send(self.create, body={self.name: {"type": self.name, **body}})
        return self.model.model_validate(object_in(answer, self.name)), True
