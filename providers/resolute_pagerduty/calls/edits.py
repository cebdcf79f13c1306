"""How something is changed or removed, so that a second time does what the first did.

PagerDuty's updates want some fields in every request, also where they stay as they are.
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
    """Something that is changed by a PUT.

    Attributes:
        name: what PagerDuty wraps it in, such as `team`.
        read: reads one.
        update: changes one.
        needed: the fields that every change has to hold; those that an author leaves out are sent as they are now.
    """

    name: str
    read: Operation
    update: Operation
    needed: Sequence[str] = ()

    async def change(self, account: Account, id: str, body: JsonBody) -> JsonBody:  # noqa: A002  # PagerDuty's word
        """Changes it, and gives it as it is afterwards.

        Raises:
            InvalidRequestError: nothing to change is given; nothing was sent.
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
        """It as it is now."""
        return object_in(await account.send(self.read, path={"id": id}), self.name)


async def remove(account: Account, operation: Operation, path: Mapping[str, str]) -> None:
    """Removes something; what is gone already is gone."""
    try:
        await account.send(operation, path=path)
    except NotFoundError:
        return
