"""How Temporal's server finds the next time of calendars and intervals, written anew after its source (`calendar.go`).

With its mistakes around changes of the clocks, so that tests can try thousands of texts without a server;
`tests/acceptance/test_schedules.py` asks a real one.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from resolute.plan.calendars import Calendar, Range
from resolute.plan.cron import CronTimes

HOUR: Final = timedelta(hours=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def numbers(ranges: tuple[Range, ...]) -> set[int]:
    return {number for one in ranges for number in range(one.start, one.end + 1, one.step)}


def offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def go_date(year: int, month: int, day: int, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """As Go's `time.Date`: numbers beyond their bounds carry over; of two meanings, the one that it finds first."""
    guess = datetime(year, month, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour, minutes=minute)
    first = offset(guess, zone)
    return guess - offset(guess - first, zone)


@dataclass(frozen=True)
class TemporalCalendar:
    """A calendar as the server has compiled it: `next` is its method of that name."""

    year: set[int]
    month: set[int]
    day: set[int]
    weekday: set[int]
    hour: set[int]
    minute: set[int]
    zone: ZoneInfo

    @classmethod
    def of(cls, one: Calendar, zone: ZoneInfo) -> "TemporalCalendar":
        assert one.second == (Range(0, 0),)
        every = set(range(2000, 2101))
        fields = (one.month, one.day_of_month, one.day_of_week, one.hour, one.minute)
        return cls(numbers(one.year) or every, *(numbers(field) for field in fields), zone=zone)

    def next(self, after: datetime) -> datetime | None:  # as long as the original
        local = after.astimezone(self.zone)
        y, mo, d, h, m = local.year, local.month, local.day, local.hour, local.minute + 1  # the next whole minute
        again = HOUR if (after - HOUR).astimezone(self.zone).hour == h else timedelta()
        while True:
            if m >= 60:
                before = go_date(y, mo, d, h, 0, self.zone)
                h, m = h + 1, 0
                if not again and go_date(y, mo, d, h, 0, self.zone) - before > HOUR:
                    h, again = h - 1, HOUR
                else:
                    again = timedelta()
            if h >= 24:
                d, h = d + 1, 0
            if mo <= 12 and d > calendar.monthrange(y, mo)[1]:
                mo, d = mo + 1, 1
            if mo > 12:
                y, mo = y + 1, 1
            if y > 2100:
                return None
            if y not in self.year:
                y, mo, d, h, m, again = y + 1, 1, 1, 0, 0, timedelta()
                continue
            while mo <= 12 and mo not in self.month:
                mo, d, h, m, again = mo + 1, 1, 0, 0, timedelta()
            if mo > 12:
                continue
            length = calendar.monthrange(y, mo)[1]
            while d <= length and (d not in self.day or self._weekday(y, mo, d, h, m) not in self.weekday):
                d, h, m, again = d + 1, 0, 0, timedelta()
            if d > length:
                continue
            while h < 24 and h not in self.hour:
                h, m, again = h + 1, 0, timedelta()
            if h >= 24:
                continue
            while m < 60 and m not in self.minute:
                m += 1
            if m >= 60:
                continue
            found = go_date(y, mo, d, h, m, self.zone)
            if found.astimezone(self.zone).hour != h:
                h, m = h + 1, 0
                continue
            return found + again

    def _weekday(self, *numbers: int) -> int:
        return go_date(*numbers, self.zone).astimezone(self.zone).isoweekday() % 7  # type: ignore[arg-type]  # five


def temporal_times(times: CronTimes, start: datetime, end: datetime) -> Iterator[datetime]:
    """What a schedule with these times starts after `start`, up to `end`."""
    zone = ZoneInfo(times.timezone)
    calendars = [TemporalCalendar.of(one, zone) for one in times.calendars]
    at = start
    while True:
        coming = [found for each in calendars if (found := each.next(at)) is not None]
        for instant in times.instants:
            every = instant - EPOCH
            coming.append(EPOCH + ((at - EPOCH) // every + 1) * every)
        at = min(coming, default=end + HOUR)
        if at > end:
            return
        yield at
