"""Creates an override once.

PagerDuty stacks identical overrides, and answers with 201 and a list even if it refused one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, TypedDict, cast

from resolute_pagerduty.account.account import Account, list_in
from resolute_pagerduty.account.doubt import may_have_sent
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.repeats import take_back
from resolute_pagerduty.errors import BadRequestError, UnreadableAnswerError
from resolute_pagerduty.http.operations import CREATE_OVERRIDES, DELETE_OVERRIDE, LIST_OVERRIDES
from resolute_pagerduty.models.oncall import Shift


class _Item(TypedDict, total=False):
    """The answer for one override."""

    status: int
    errors: list[Any]
    override: Any


async def override_once(
    account: Account, schedule_id: str, user_id: str, start: datetime, end: datetime
) -> tuple[Shift, bool]:
    """The override of the user for the period, and whether it is new.

    Raises:
        BadRequestError: PagerDuty refuses it.
    """
    sent_before = may_have_sent()
    wanted = _Wanted(schedule_id, user_id, start, end)
    found = await _the_only_one(account, wanted, own=sent_before)
    if found is not None:
        return found, False
    body = {"start": start.isoformat(), "end": end.isoformat(), "user": reference(user_id, "user")}
    made = _made(await account.send(CREATE_OVERRIDES, path={"id": schedule_id}, body={"overrides": [body]}))
    # What an earlier attempt sent may have arrived by now.
    return (await _the_only_one(account, wanted, own=True) if sent_before else None) or made, True


class _Wanted(NamedTuple):
    """An override."""

    schedule_id: str
    user_id: str
    start: datetime
    end: datetime


async def _the_only_one(account: Account, wanted: _Wanted, *, own: bool) -> Shift | None:
    """The existing override, None if there is none. If the step made several, all but the first are removed."""
    query = {"since": wanted.start, "until": wanted.end}
    answer = await account.send(LIST_OVERRIDES, path={"id": wanted.schedule_id}, query=query)
    found = [
        each
        for each in map(Shift.model_validate, list_in(answer, "overrides"))
        if (each.user.id, each.start, each.end) == wanted[1:]
    ]
    for each in found[1:] if own else ():
        await take_back(account, DELETE_OVERRIDE, {"id": wanted.schedule_id, "override_id": each.id or ""})
    return found[0] if found else None


def _made(answer: Any) -> Shift:
    items = cast("list[_Item]", answer) if isinstance(answer, list) else []
    if len(items) != 1:
        raise UnreadableAnswerError("the answer to a new override is not a list of one")
    status, reasons = items[0].get("status", 0), [str(reason) for reason in items[0].get("errors", [])]
    if not 200 <= status < 300:
        raise BadRequestError(f"the override was refused: {'; '.join(reasons)}", status=status, errors=reasons)
    return Shift.model_validate(items[0].get("override"))
