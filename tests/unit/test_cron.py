"""Cron text becomes calendars with croniter's times, or is refused."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolute.plan.calendars import Calendar, Range
from resolute.plan.cron import CronError, CronTimes, next_times, translate
from resolute.plan.daylight import ClockChange, clock_changes
from tests.unit.temporal_times import numbers, temporal_times

MINUTE = timedelta(minutes=1)


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
    due = matcher(times.calendars)
    local = ((start + turn * MINUTE).astimezone(zone) for turn in range(1, minutes + 1))
    return [at.astimezone(UTC) for at in local if due(at)]


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


ZONES = (
    "Africa/Cairo",  # midnight is skipped, 23:00 comes twice
    "Africa/Casablanca",
    "America/Havana",  # midnight is skipped and comes twice
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",  # midnight is skipped, west of Greenwich
    "America/St_Johns",
    "Antarctica/Troll",  # by two hours
    "Asia/Beirut",
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # by half an hour
    "Europe/London",
    "Europe/Paris",
    "Pacific/Chatham",  # at a quarter to
)
NIGHTS = st.sampled_from(["*", "*/2", "*/3", "0", "1", "2", "3", "23", "0,1", "1-3", "22-1", "0-23"])
AROUND = st.sampled_from(ZONES).flatmap(
    lambda zone: st.tuples(st.just(zone), st.sampled_from(clock_changes(ZoneInfo(zone), 2026, 2030)))
)


def expected_times(cron: str, timezone: str, start: datetime, end: datetime) -> list[datetime]:
    """Croniter's times; of fixed times that come twice, the first."""
    turns = croniter(cron, start.astimezone(ZoneInfo(timezone)), ret_type=datetime)
    (minutes, hours, *_), _ = croniter.expand(cron)
    once = "*" not in {field[0] for field in cron.split()[:2]} and ["*"] not in (minutes, hours)
    found: list[datetime] = []
    while (at := turns.get_next(datetime)).astimezone(UTC) <= end:
        if not (once and at.fold):
            found.append(at.astimezone(UTC))
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    AROUND,
    fields(0, 59) | st.sampled_from(["0", "30", "*/15", "*"]),
    NIGHTS | fields(0, 23),
    st.sampled_from(["* *", "* *", "1 *", "l *", "15 *"]),
    st.sampled_from(["*", "0", "6", "1-5", "l0", "sun#1"]),
)
def test_the_times_around_a_change_of_the_clocks_are_those_of_croniter(
    around: tuple[str, ClockChange], minute: str, hour: str, days: str, weekday: str
) -> None:
    """Whatever the text, the zone and the change: what Temporal makes of the calendars and instants, and no other."""
    timezone, change = around
    cron = f"{minute} {hour} {days} {weekday}"
    try:
        times = translate(cron, timezone, 2026)
    except CronError:
        return
    at = change.at.replace(tzinfo=UTC)
    start, end = at - timedelta(hours=8), at + timedelta(hours=16)

    assert expected_times(cron, timezone, start, end) == list(temporal_times(times, start, end))


@pytest.mark.parametrize(
    ("cron", "timezone"),
    [
        ("0 0 * * *", "America/Santiago"),
        ("0 0 * * *", "Africa/Cairo"),
        ("30 1 * * *", "America/New_York"),
        ("30 2 * * *", "Europe/Paris"),
        ("0 2 * * sun", "Africa/Casablanca"),
        ("15 2 * * *", "Australia/Lord_Howe"),
    ],
)
def test_five_years_have_croniters_times(cron: str, timezone: str) -> None:
    """From 2026 to 2030, without a deploy in between, not a run is missing and none is too many."""
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)

    assert expected_times(cron, timezone, start, end) == list(temporal_times(translate(cron, timezone), start, end))


@pytest.mark.parametrize(
    ("cron", "timezone", "day", "expected"),
    [
        ("30 1 * * *", "America/New_York", date(2027, 11, 7), ["01:30-0400"]),
        (
            "*/30 1 * * *",
            "America/New_York",
            date(2027, 11, 7),
            ["01:00-0400", "01:30-0400", "01:00-0500", "01:30-0500"],
        ),
        ("30 2 * * *", "Europe/Paris", date(2027, 3, 28), ["03:00+0200"]),
        ("0 2 * * *", "Europe/Paris", date(2027, 10, 31), ["02:00+0200"]),
        ("0 */12 * * *", "America/Santiago", date(2027, 9, 5), ["01:00-0300", "12:00-0300"]),
        ("@daily", "Asia/Beirut", date(2027, 3, 28), ["01:00+0300"]),
        ("0 9 * * sun", "America/Santiago", date(2027, 9, 5), ["09:00-0300"]),
        ("0 9 * * sat", "America/Santiago", date(2027, 9, 5), []),
    ],
)
def test_what_happens_on_the_day_of_a_change(cron: str, timezone: str, day: date, expected: list[str]) -> None:
    """Skipped times come at the end of the gap; fixed times come once, others in both copies of an hour."""
    zone = ZoneInfo(timezone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    start = midnight - timedelta(hours=1, seconds=1)
    seen = temporal_times(translate(cron, timezone), start, start + timedelta(hours=27))

    assert expected == [f"{at:%H:%M%z}" for each in seen if (at := each.astimezone(zone)).date() == day]


def test_temporals_own_reading_of_the_same_calendars_is_wrong() -> None:
    """Without the care that is taken, a run would be missed and another doubled: the search that tests use shows it."""
    plain = CronTimes(calendars=translate("0 1 * * *").calendars, instants=(), timezone="Europe/Paris")
    twice = CronTimes(calendars=translate("30 1 * * *").calendars, instants=(), timezone="America/New_York")
    day, other = datetime(2027, 10, 31, tzinfo=UTC), datetime(2027, 11, 7, tzinfo=UTC)

    assert 2 == len(list(temporal_times(plain, day - timedelta(hours=3), day + timedelta(hours=12))))
    assert 2 == len(list(temporal_times(twice, other, other + timedelta(hours=12))))


def test_times_that_clocks_leave_alone_are_one_calendar() -> None:
    """Nothing is cut out for a change of the clocks that a text does not meet."""
    for cron, timezone in (
        ("30 2 * * mon-fri", "Europe/Berlin"),
        ("0 3 * * *", "Europe/Berlin"),
        ("0 0 * * *", "America/New_York"),
        ("0 9 * * *", "America/Santiago"),
        ("30 2 * 6 *", "Europe/Berlin"),
        ("30 2 * * *", "Asia/Kolkata"),
    ):
        times = translate(cron, timezone)

        assert (timezone, 1, ()) == (times.timezone, len(times.calendars), times.instants)


def test_every_hour_of_every_day_does_not_depend_on_daylight_saving_time() -> None:
    """Such a text is handed over in UTC, with its minutes moved where the zone is off by half an hour."""
    assert "UTC" == translate("*/5 * * * *", "Europe/Berlin").timezone
    assert (Range(30, 30),) == translate("0 * * * *", "Australia/Adelaide").calendars[0].minute


def test_the_next_times_are_in_the_zone_of_the_text() -> None:
    """9 o'clock stays 9 o'clock when clocks go forward."""
    found = next_times("0 9 * * *", "Europe/Paris", datetime(2027, 3, 27, 7, tzinfo=UTC), 2)

    assert ["2027-03-27T09:00:00+01:00", "2027-03-28T09:00:00+02:00"] == [at.isoformat() for at in found]


def test_the_next_times_leave_out_the_second_of_two() -> None:
    """The preview of a fixed time is what Temporal is told."""
    found = next_times("30 1 * * *", "America/New_York", datetime(2027, 11, 7, tzinfo=UTC), 2)

    assert ["2027-11-07T01:30:00-04:00", "2027-11-08T01:30:00-05:00"] == [at.isoformat() for at in found]
