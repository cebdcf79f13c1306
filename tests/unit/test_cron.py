"""Cron text becomes calendars with croniter's times, or is refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from resolute.plan.calendars import Calendar, Range
from resolute.plan.cron import CronError, CronTimes, next_times, translate

MINUTE = timedelta(minutes=1)


def numbers(ranges: tuple[Range, ...]) -> set[int]:
    return {number for one in ranges for number in range(one.start, one.end + 1, one.step)}


def matcher(calendars: tuple[Calendar, ...]) -> Callable[[datetime], bool]:
    """What calendars mean to Temporal, written anew: every field of one of them matches; no year is every year."""
    sets = [
        (
            numbers(each.minute) if 0 in numbers(each.second) else set[int](),
            numbers(each.hour),
            numbers(each.day_of_month),
            numbers(each.month),
            numbers(each.day_of_week),
            numbers(each.year) or set(range(2000, 2101)),
        )
        for each in calendars
    ]
    return lambda at: any(
        at.minute in minutes
        and at.hour in hours
        and at.day in days
        and at.month in months
        and at.isoweekday() % 7 in weekdays
        and at.year in years
        for minutes, hours, days, months, weekdays, years in sets
    )


def times_of(times: CronTimes, start: datetime, minutes: int) -> list[datetime]:
    """By brute force: every minute after `start`, looked at on its own."""
    zone = ZoneInfo(times.timezone)
    due, skipped = matcher(times.calendars), matcher(times.skip)
    local = ((start + turn * MINUTE).astimezone(zone) for turn in range(1, minutes + 1))
    return [at.astimezone(UTC) for at in local if due(at) and not skipped(at)]


def croniter_times(cron: str, timezone: str, start: datetime, minutes: int) -> list[datetime]:
    turns = croniter(cron, start.astimezone(ZoneInfo(timezone)), ret_type=datetime)
    found: list[datetime] = []
    while (at := turns.get_next(datetime).astimezone(UTC)) <= start + minutes * MINUTE:
        found.append(at)
    return found


def fields(low: int, high: int, *names: str) -> st.SearchStrategy[str]:
    number = st.integers(low, high).map(str) | (st.sampled_from(names) if names else st.nothing())
    spans = st.tuples(number, number).map("-".join)
    steps = st.integers(1, high).map(lambda step: f"/{step}")
    item = st.one_of(number, spans, st.tuples(spans | number | st.just("*"), steps).map("".join))
    return st.one_of(st.just("*"), item, st.lists(item, min_size=2, max_size=3).map(",".join))


MONTHS = ("jan", "FEB", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "TUE", "wed", "thu", "fri", "sat")
CRONS = st.tuples(
    fields(0, 59),
    fields(0, 23),
    fields(1, 31) | st.sampled_from(["?", "l", "l,15", "31"]),
    fields(1, 12, *MONTHS),
    fields(0, 7, *WEEKDAYS) | st.sampled_from(["?", "5#2", "l0", "sun#1,tue#3", "mon#5", "mon-wed#1"]),
).map(" ".join)
MONTH_ENDS = [date(year, month, 1) - timedelta(days=2) for year in range(2027, 2033) for month in range(1, 13)]


@settings(max_examples=100, deadline=None)
@given(CRONS, st.dates(date(2026, 12, 1), date(2032, 12, 31)) | st.sampled_from(MONTH_ENDS))
def test_a_cron_text_means_what_croniter_says(cron: str, day: date) -> None:
    """Whatever the text: over three days, the calendars have croniter's times and no other."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        times = translate(cron)
    except CronError:
        return

    expected = croniter_times(cron, "UTC", start, 3 * 1440)
    assert expected == times_of(times, start, 3 * 1440)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=20) | st.text(alphabet="0123456789*/,-#?lwhr@ ", max_size=20) | CRONS)
def test_any_text_is_translated_or_refused(cron: str) -> None:
    """There is no text that ends in anything but calendars or a `CronError` with something to say."""
    try:
        said = translate(cron, "Europe/Berlin").calendars
    except CronError as error:
        said = (error.reason, error.hint)

    assert said
    assert all(said)


@pytest.mark.parametrize(
    ("cron", "days"),
    [
        ("0 9 13 * 5", [4, 11, 13, 18, 25]),  # the 13th, and Fridays
        ("0 9 * * 5#2", [11]),
        ("0 9 * * l5", [25]),
        ("0 9 l * *", [31]),
        ("0 9 * * fri-mon", [4, 5, 6, 7, 11, 12, 13, 14, 18, 19, 20, 21, 25, 26, 27, 28]),
        ("0 9 30-2 * *", [1, 2, 30, 31]),
        ("0 9 ? * 7", [6, 13, 20, 27]),
        ("0 9 */10 * *", [1, 11, 21, 31]),
    ],
)
def test_the_days_are_those_of_cron(cron: str, days: list[int]) -> None:
    """What Temporal's own reading gets wrong or refuses, in December 2026, which begins on a Tuesday."""
    start = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)

    assert days == [at.day for at in times_of(translate(cron), start, 31 * 1440)]


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_the_last_day_of_february_knows_leap_years(year: int) -> None:
    """`l` is the 28th or the 29th, as the year has it."""
    start = datetime(year, 1, 31, 23, 59, tzinfo=UTC)

    assert croniter_times("0 9 l * *", "UTC", start, 29 * 1440) == times_of(translate("0 9 l * *"), start, 29 * 1440)


@pytest.mark.parametrize(
    ("alias", "cron"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
    ],
)
def test_the_usual_names_are_known(alias: str, cron: str) -> None:
    """A name is the five fields that it stands for."""
    assert translate(cron) == translate(alias)


@pytest.mark.parametrize(
    ("cron", "reason", "hint"),
    [
        ("*/10 * * * * *", "has 6 fields", "every("),
        ("0 30 9 * * * 2027", "has 7 fields", "every("),
        ("* * * *", "has 4 fields", "five fields"),
        ("", "has 0 fields", "five fields"),
        ("@reboot", "no such name", "five fields"),
        ("60 * * * *", "the minute cannot be '60'", "five fields"),
        ("0 9 * * frday", "the day of week cannot be 'frday'", "five fields"),
        ("0 9 15w * *", "'W'", "weekdays"),
        ("r * * * *", "a random minute", "jitter"),
        ("h * * * *", "the minute cannot be 'h'", "five fields"),
        ("0 9 13 * 5#2", "'#'", "one of the two"),
        ("0 9 31 feb *", "never comes", "no month"),
        ("0 9 30-31 2 *", "never comes", "no month"),
    ],
)
def test_what_cannot_be_exact_is_refused(cron: str, reason: str, hint: str) -> None:
    """The refusal says what is wrong and what to write instead."""
    with pytest.raises(CronError) as caught:
        translate(cron)

    assert reason in caught.value.reason
    assert hint in caught.value.hint


def test_a_day_that_never_comes_does_not_spoil_one_that_does() -> None:
    """31 February or a Monday in February: the Mondays."""
    start = datetime(2027, 2, 1, tzinfo=UTC)

    assert [8, 15, 22] == [at.day for at in times_of(translate("0 0 31 2 1"), start, 27 * 1440)]


def test_an_unknown_time_zone_is_refused_with_the_nearest_name() -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(CronError, match=r"unknown time zone 'Europe/Pariss' \(did you mean 'Europe/Paris'\?\)"):
        translate("0 9 * * *", "Europe/Pariss")


@pytest.mark.parametrize(
    ("cron", "timezone", "words"),
    [
        ("30 2 * * *", "Europe/Berlin", "02:30 on 2026-03-29 does not exist in Europe/Berlin"),
        ("30 2 * 10 sun", "Europe/Berlin", "02:30 on 2026-10-25 comes twice in Europe/Berlin"),
        ("*/5 * * * sun", "Europe/Berlin", "02:00 on 2026-10-25 comes twice in Europe/Berlin"),
        ("0 */2 * * *", "America/New_York", "02:00 on 2026-03-08 does not exist in America/New_York"),
        ("15 1 * * *", "Australia/Lord_Howe", "is beside an unusual change of the clocks"),
        ("0 9 * * sun", "America/Santiago", "does not exist, so that Temporal mistakes the weekday"),
    ],
)
def test_a_time_that_clocks_skip_or_repeat_is_refused(cron: str, timezone: str, words: str) -> None:
    """Where Temporal and croniter part, the text is refused with the date on which they would."""
    with pytest.raises(CronError, match=words):
        translate(cron, timezone)


@pytest.mark.parametrize(
    ("cron", "timezone"),
    [
        ("30 2 * * mon-fri", "Europe/Berlin"),
        ("0 3 * * *", "Europe/Berlin"),
        ("30 1 * * *", "America/New_York"),
        ("0 9 * * mon-fri", "America/Santiago"),
        ("30 2 * 6 *", "Europe/Berlin"),
        ("30 2 * * *", "Asia/Kolkata"),
    ],
)
def test_times_that_clocks_leave_alone_are_taken(cron: str, timezone: str) -> None:
    """Nothing is refused for a change of the clocks that it does not meet."""
    assert timezone == translate(cron, timezone).timezone


def test_every_hour_of_every_day_does_not_depend_on_daylight_saving_time() -> None:
    """Such a text is handed over in UTC, with its minutes moved where the zone is off by half an hour."""
    assert "UTC" == translate("*/5 * * * *", "Europe/Berlin").timezone
    assert (Range(30, 30),) == translate("0 * * * *", "Australia/Adelaide").calendars[0].minute


def test_a_run_that_temporal_would_repeat_an_hour_later_is_skipped() -> None:
    """Midnight in London, in the hour before the repeated one: the repeated hour of those Sundays is left out."""
    skip = translate("0 0 * * *", "Europe/London").skip

    assert matcher(skip)(datetime(2027, 10, 31, 1))
    assert not matcher(skip)(datetime(2027, 10, 31, 0))
    assert not matcher(skip)(datetime(2027, 10, 30, 1))


def test_the_next_times_are_in_the_zone_of_the_text() -> None:
    """9 o'clock stays 9 o'clock when clocks go forward."""
    found = next_times("0 9 * * *", "Europe/Paris", datetime(2027, 3, 27, 7, tzinfo=UTC), 2)

    assert ["2027-03-27T09:00:00+01:00", "2027-03-28T09:00:00+02:00"] == [at.isoformat() for at in found]
