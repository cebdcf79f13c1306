"""Changes or removes something, so that a second time has no further effect.

PagerDuty's updates require some fields in every request, even if they stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resolute_pagerduty.account.account import Account, object_in
from resolute_pagerduty.errors import InvalidRequestError, NotFoundError
from resolute_pagerduty.http.exchange import JsonBody
from resolute_pagerduty.http.operations import Operation


@dataclass(frozen=True, kw_only=True)
class Editable:
    """Something that a PUT changes.

    Attributes:
        name: what PagerDuty wraps it in, such as `team`.
        read: reads one.
        update: changes one.
        needed: the fields that every change must contain; those that an author leaves out are sent as they are.
    """

    name: str
    read: Operation
    update: Operation
    needed: Sequence[str] = ()

    async def change(self, account: Account, id: str, body: JsonBody) -> JsonBody:  # noqa: A002  # PagerDuty's word
        """Changes it, and returns it as it is afterwards.

        Raises:
            InvalidRequestError: there is nothing to change; nothing was sent.
        """
        if not body:
            raise InvalidRequestError("name", "or another field to change is missing")
        missing = [name for name in self.needed if name not in body]
        if missing:
            now = await self.get(account, id)
            body = {**{name: now[name] for name in missing if now.get(name) is not None}, **body}
        answer = await account.send(self.update, path={"id": id}, body={self.name: {"type": self.name, **body}})
        return object_in(answer, self.name)

    async def get(self, account: Account, id: str) -> JsonBody:  # noqa: A002  # PagerDuty's word
        """The current state."""
        return object_in(await account.send(self.read, path={"id": id}), self.name)


async def remove(account: Account, operation: Operation, path: Mapping[str, str]) -> None:
    """Removes something, unless it is already gone."""
    try:
        await account.send(operation, path=path)
    except NotFoundError:
        return
