"""How an override is made once.

PagerDuty stacks equal overrides, and answers with 201 and a list also where it refused one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, cast

from resolute_pagerduty.account.account import Account, list_in
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.errors import BadRequestError, UnreadableAnswerError
from resolute_pagerduty.http.operations import CREATE_OVERRIDES, LIST_OVERRIDES
from resolute_pagerduty.models.oncall import Shift


class _Item(TypedDict, total=False):
    """What is answered for one override."""

    status: int
    errors: list[Any]
    override: Any


async def override_once(
    account: Account, schedule_id: str, user_id: str, start: datetime, end: datetime
) -> tuple[Shift, bool]:
    """The override of the user for the time, and whether it is new.

    Raises:
        BadRequestError: PagerDuty refuses it.
    """
    path = {"id": schedule_id}
    answer = await account.send(LIST_OVERRIDES, path=path, query={"since": start, "until": end})
    for each in map(Shift.model_validate, list_in(answer, "overrides")):
        if (each.user.id, each.start, each.end) == (user_id, start, end):
            return each, False
    wanted = {"start": start.isoformat(), "end": end.isoformat(), "user": reference(user_id, "user")}
    return _made(await account.send(CREATE_OVERRIDES, path=path, body={"overrides": [wanted]})), True


def _made(answer: Any) -> Shift:
    items = cast("list[_Item]", answer) if isinstance(answer, list) else []
    if len(items) != 1:
        raise UnreadableAnswerError("the answer to a new override is not a list of one")
    status, reasons = items[0].get("status", 0), [str(reason) for reason in items[0].get("errors", [])]
    if not 200 <= status < 300:
        raise BadRequestError(f"the override was refused: {'; '.join(reasons)}", status=status, errors=reasons)
    return Shift.model_validate(items[0].get("override"))
