"""Schedules: made, changed and removed; overrides taken back; who is on call by one."""

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
    repeat="a schedule of that name that is there already is returned",
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
    """Creates a schedule. One of that name that is there already is returned as it is, with `created` false.

    Args:
        name: its name.
        time_zone: an IANA name, in which its turns change.
        layers: users who take turns; where layers overlap, the last one counts.
        description: what it is for.
        account: one of the provider's accounts by name.

    Raises:
        InvalidRequestError: two layers of one name, or one that ends before it starts; nothing was sent.

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
    repeat="the same change twice is one change; a layer that an attempt has added is found by its name",
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
    """Changes a schedule; what is not given stays.

    PagerDuty removes no layer: to end one, give it an `end`. A layer that is not given stays as it is.

    Args:
        id: its id.
        name: a new name.
        time_zone: an IANA name, in which its turns change.
        layers: users who take turns; one of a name that is there changes that layer, another is added. Where several
            overlap, the last one counts, so give all whose order matters.
        description: what it is for.
        account: one of the provider's accounts by name.

    Raises:
        InvalidRequestError: nothing to change is given, two layers have one name, or one ends before it starts.

    Example:
        >>> from resolute_pagerduty import RotationLayer
        >>> daily = RotationLayer(name="Weekly", user_ids=["PXPGF42", "PDS4IIV"], turn_length_seconds=24 * 3600)
        >>> node = update_schedule(id="PI7DH85", layers=[daily])
    """
    opened = pagerduty.account(account)
    body = given(name=name, time_zone=time_zone, description=description)
    if layers:
        new_layers(layers)  # what is wrong with them is said before anything is sent
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
        account: one of the provider's accounts by name.

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
    """Reads everybody who is on call by a schedule in a time, overrides included.

    Args:
        schedule_id: the schedule.
        since: from here on.
        until: up to here.
        account: one of the provider's accounts by name.

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
    repeat="an override that is gone is a success, and so is one that is over when a later attempt comes",
    remains=NOTHING,
)
async def delete_override(pagerduty: Accounts, *, schedule_id: Id, override_id: Id, account: str | None = None) -> None:
    """Removes an override that has not begun, and ends one that is running.

    Args:
        schedule_id: the schedule.
        override_id: the override.
        account: one of the provider's accounts by name.

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
