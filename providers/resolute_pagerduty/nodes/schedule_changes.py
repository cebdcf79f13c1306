"""Schedules: create, change and remove them; end overrides; who is on call on a schedule."""

from __future__ import annotations

from typing import Final

from resolute_pagerduty.account.account import list_in
from resolute_pagerduty.account.accounts import Accounts
from resolute_pagerduty.calls.edits import Editable, remove
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.lookups import Kind
from resolute_pagerduty.calls.repeats import is_repeat
from resolute_pagerduty.calls.rotations import Layers, changed_layers, new_layers
from resolute_pagerduty.errors import BadRequestError, NotFoundError
from resolute_pagerduty.http.operations import (
    CREATE_SCHEDULE,
    DELETE_OVERRIDE,
    DELETE_SCHEDULE,
    GET_SCHEDULE,
    LIST_SCHEDULE_USERS,
    LIST_SCHEDULES,
    UPDATE_SCHEDULE,
)
from resolute_pagerduty.models.oncall import Schedule
from resolute_pagerduty.models.outputs import CreateScheduleOutput, GetScheduleOutput, ListScheduleUsersOutput
from resolute_pagerduty.models.parameters import Id, Text, Time
from resolute_pagerduty.models.people import User
from resolute_pagerduty.nodes.declare import LATE, NOTHING, READS, pagerduty_node

SCHEDULES: Final = Kind(
    model=Schedule, name="schedule", plural="schedules", lookup=LIST_SCHEDULES, create=CREATE_SCHEDULE
)
SCHEDULE: Final = Editable(name="schedule", read=GET_SCHEDULE, update=UPDATE_SCHEDULE, needed=("name", "time_zone"))


@pagerduty_node(
    "CreateSchedule",
    CREATE_SCHEDULE,
    LIST_SCHEDULES,
    repeat="an existing schedule with that name is returned",
    remains=f"a second schedule of that name {LATE}; no escalation policy uses it",
)
async def create_schedule(
    pagerduty: Accounts,
    *,
    name: Text,
    time_zone: Text,
    layers: Layers,
    description: str | None = None,
    account: str | None = None,
) -> CreateScheduleOutput:
    """Creates a schedule. An existing schedule with that name is returned unchanged, with `created` false.

    Args:
        name: its name.
        time_zone: an IANA name; handoffs follow it.
        layers: users who take turns; where layers overlap, the last one wins.
        description: what it is for.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: two layers have the same name, or one ends before it starts; nothing was sent.

    Example:
        >>> from resolute_pagerduty import RotationLayer
        >>> weekly = RotationLayer(name="Weekly", user_ids=["PXPGF42", "PDS4IIV"], turn_length_seconds=7 * 24 * 3600)
        >>> node = create_schedule(name="Payments Primary", time_zone="Europe/Paris", layers=[weekly])
    """
    body = given(name=name, time_zone=time_zone, description=description, schedule_layers=new_layers(layers))
    schedule, created = await SCHEDULES.make(pagerduty.account(account), body)
    return CreateScheduleOutput(schedule=schedule, created=created)


@pagerduty_node(
    "UpdateSchedule",
    UPDATE_SCHEDULE,
    GET_SCHEDULE,
    repeat="a repeated change has no further effect; a layer that was already added is found by name",
    remains=f"a new layer twice {LATE}, with the same turns",
)
async def update_schedule(
    pagerduty: Accounts,
    *,
    id: Id,
    name: Text | None = None,
    time_zone: Text | None = None,
    layers: Layers | None = None,
    description: str | None = None,
    account: str | None = None,
) -> GetScheduleOutput:
    """Changes a schedule; what you leave out stays as it is.

    PagerDuty cannot remove a layer: to end one, give it an `end`.

    Args:
        id: its id.
        name: a new name.
        time_zone: an IANA name; handoffs follow it.
        layers: users who take turns; a layer with an existing name replaces that layer, others are added. Where
            layers overlap, the last one wins, so give all whose order matters.
        description: what it is for.
        account: the name of one of the provider's accounts.

    Raises:
        InvalidRequestError: there is nothing to change, two layers have the same name, or one ends before it starts.

    Example:
        >>> from resolute_pagerduty import RotationLayer
        >>> daily = RotationLayer(name="Weekly", user_ids=["PXPGF42", "PDS4IIV"], turn_length_seconds=24 * 3600)
        >>> node = update_schedule(id="PI7DH85", layers=[daily])
    """
    opened = pagerduty.account(account)
    body = given(name=name, time_zone=time_zone, description=description)
    if layers:
        new_layers(layers)  # refuses invalid layers before anything is sent
        now = await SCHEDULE.get(opened, id)
        body = {
            "name": now.get("name"),
            "time_zone": now.get("time_zone"),
            **body,
            "schedule_layers": changed_layers(layers, list_in(now, "schedule_layers")),
        }
    return GetScheduleOutput(schedule=Schedule.model_validate(await SCHEDULE.change(opened, id, body)))


@pagerduty_node("DeleteSchedule", DELETE_SCHEDULE, repeat="a schedule that is gone is a success", remains=NOTHING)
async def delete_schedule(pagerduty: Accounts, *, id: Id, account: str | None = None) -> None:
    """Removes a schedule that no escalation policy uses.

    Args:
        id: its id.
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: an escalation policy uses it.

    Example:
        >>> node = delete_schedule(id="PI7DH85")
    """
    await remove(pagerduty.account(account), DELETE_SCHEDULE, {"id": id})


@pagerduty_node("ListScheduleUsers", LIST_SCHEDULE_USERS, repeat=READS)
async def list_schedule_users(
    pagerduty: Accounts, *, schedule_id: Id, since: Time, until: Time, account: str | None = None
) -> ListScheduleUsersOutput:
    """Reads everybody who is on call on a schedule in a period, including overrides.

    Args:
        schedule_id: the schedule.
        since: the start.
        until: the end.
        account: the name of one of the provider's accounts.

    Example:
        >>> from datetime import timedelta
        >>> from resolute import now
        >>> node = list_schedule_users(schedule_id="PI7DH85", since=now(), until=now() + timedelta(days=7))
    """
    query = {"since": since, "until": until}
    answer = await pagerduty.account(account).send(LIST_SCHEDULE_USERS, path={"id": schedule_id}, query=query)
    return ListScheduleUsersOutput(users=tuple(User.model_validate(each) for each in list_in(answer, "users")))


@pagerduty_node(
    "DeleteOverride",
    DELETE_OVERRIDE,
    repeat="an override that is gone is a success, and so is one that is over by a later attempt",
    remains=NOTHING,
)
async def delete_override(pagerduty: Accounts, *, schedule_id: Id, override_id: Id, account: str | None = None) -> None:
    """Removes an override that has not started, or ends one that is in effect.

    Args:
        schedule_id: the schedule.
        override_id: the override.
        account: the name of one of the provider's accounts.

    Raises:
        BadRequestError: the override is over.

    Example:
        >>> node = delete_override(schedule_id="PI7DH85", override_id="Q3X6XZCNBNDVJ1")
    """
    path = {"id": schedule_id, "override_id": override_id}
    try:
        await pagerduty.account(account).send(DELETE_OVERRIDE, path=path)
    except NotFoundError:
        return
    except BadRequestError:
        if not is_repeat():
            raise
