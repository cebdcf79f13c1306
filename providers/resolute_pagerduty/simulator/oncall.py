"""Who is on call: layers, overrides and escalation levels turned into shifts."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from .resources import EscalationPolicy, Layer, Restriction, Schedule
from .state import Account


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody's time on call, from `start` up to and without `end`."""

    start: datetime
    end: datetime
    user_id: str


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ValueError: If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone") from error


def layer_shifts(layer: Layer, zone: ZoneInfo, since: datetime, until: datetime) -> list[Shift]:
    """Return the turns of one layer that touch a window, whole: not cut at its ends."""
    if not layer.user_ids:
        return []
    begin = max(since, layer.start)
    finish = min(until, layer.end) if layer.end else until
    if begin >= finish:
        return []
    origin, turn = layer.virtual_start or layer.start, timedelta(seconds=layer.turn_seconds)
    number = (begin - origin) // turn
    shifts: list[Shift] = []
    while (start := origin + number * turn) < finish:
        end = start + turn
        start, end = max(start, layer.start), min(end, layer.end) if layer.end else end
        user_id = layer.user_ids[number % len(layer.user_ids)]
        shifts.extend(
            Shift(a, b, user_id)
            for a, b in _restricted(layer.restrictions, zone, start, end)
            if b > begin and a < finish
        )
        number += 1
    return shifts


def _restricted(
    restrictions: tuple[Restriction, ...], zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    if not restrictions:
        yield start, end
        return
    pieces: list[tuple[datetime, datetime]] = []
    for restriction in restrictions:
        opens = time.fromisoformat(restriction.start_time_of_day)
        length = timedelta(seconds=restriction.duration_seconds)
        day = (start - length).astimezone(zone).date()
        while (moment := datetime.combine(day, opens, zone)) < end:
            weekly = restriction.type == "weekly_restriction"
            if not weekly or day.isoweekday() == restriction.start_day_of_week:
                piece = (max(moment, start), min(moment + length, end))
                if piece[0] < piece[1]:
                    pieces.append(piece)
            day += timedelta(days=1)
    yield from sorted(pieces)


def final_shifts(schedule: Schedule, since: datetime, until: datetime) -> list[Shift]:
    """Return who is really on call in a window: the newest override, else the last layer that covers a moment.

    Shifts that touch the window come back whole; the caller cuts them if it wants to.
    """
    zone = zone_of(schedule.time_zone)
    stack: list[Shift] = []
    for layer in schedule.layers:
        stack.extend(layer_shifts(layer, zone, since, until))
    # Overrides outside the window still decide where the shifts that reach into it begin and end.
    first, last = min([since, *(each.start for each in stack)]), max([until, *(each.end for each in stack)])
    stack.extend(
        Shift(override.start, override.end, override.user_id)
        for override in schedule.overrides
        if override.start < last and override.end > first
    )
    return [shift for shift in flatten(stack) if shift.end > since and shift.start < until]


def flatten(stack: list[Shift]) -> list[Shift]:
    """Lay shifts over one another, later ones on top, and return what can be seen from above."""
    seen: list[Shift] = []
    for shift in stack:
        rest: list[Shift] = []
        for other in seen:
            if other.end <= shift.start or other.start >= shift.end:
                rest.append(other)
                continue
            if other.start < shift.start:
                rest.append(Shift(other.start, shift.start, other.user_id))
            if other.end > shift.end:
                rest.append(Shift(shift.end, other.end, other.user_id))
        rest.append(shift)
        seen = rest
    merged: list[Shift] = []
    for shift in sorted(seen, key=lambda each: each.start):
        last = merged[-1] if merged else None
        if last and last.user_id == shift.user_id and last.end == shift.start:
            merged[-1] = Shift(last.start, shift.end, shift.user_id)
        else:
            merged.append(shift)
    return merged


def shift_at(schedule: Schedule, moment: datetime) -> Shift | None:
    """Return the shift that is running at a moment."""
    shifts = final_shifts(schedule, moment, moment + timedelta(seconds=1))
    index = bisect_right([shift.start for shift in shifts], moment) - 1
    return shifts[index] if index >= 0 and shifts[index].end > moment else None


def on_call_users(account: Account, policy: EscalationPolicy, level: int, moment: datetime) -> list[str]:
    """Return the ids of the users whom a level of an escalation policy pages at a moment."""
    found: list[str] = []
    for target in policy.rules[level - 1].targets:
        if target.kind == "user":
            user_id = target.id if target.id in account.state.users else None
        else:
            schedule = account.state.schedules.get(target.id)
            shift = shift_at(schedule, moment) if schedule else None
            user_id = shift.user_id if shift else None
        if user_id and user_id not in found:
            found.append(user_id)
    return found


def first_level(account: Account, policy: EscalationPolicy, start: int = 1) -> tuple[int, list[str]]:
    """Return the first level, from `start` on, that has somebody on call, and who that is.

    The level is 0 when nobody is on call at all.
    """
    moment = account.now()
    for level in range(start, len(policy.rules) + 1):
        if users := on_call_users(account, policy, level, moment):
            return level, users
    return 0, []
