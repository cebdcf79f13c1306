"""Times and names as people say them at a terminal."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.pagerduty.moments import moment
from resolute_worker.cli.pagerduty.names import incident_id

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", timedelta(minutes=-30)),
        ("7d", timedelta(days=-7)),
        ("1d12h", timedelta(hours=-36)),
        ("2w", timedelta(weeks=-2)),
        ("-1h", timedelta(hours=-1)),
        ("+8h", timedelta(hours=8)),
        ("now", timedelta()),
        (" 7D ", timedelta(days=-7)),
    ],
)
def test_a_length_is_so_long_ago(text: str, length: timedelta) -> None:
    """A length of time is counted from now: back, or ahead with a plus."""
    assert NOW + length == moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", (2026, 3, 4)),
        ("yesterday", (2026, 3, 3)),
        ("tomorrow", (2026, 3, 5)),
        ("this week", (2026, 3, 2)),
        ("last-week", (2026, 2, 23)),
        ("this-month", (2026, 3, 1)),
        ("this-year", (2026, 1, 1)),
        ("2026-02-28", (2026, 2, 28)),
    ],
)
def test_a_day_begins_at_midnight_where_the_person_is(text: str, day: tuple[int, int, int]) -> None:
    """Days are those of the machine's own time zone; weeks begin on Monday."""
    assert datetime(*day).astimezone() == moment(text, NOW)


def test_a_time_with_a_zone_keeps_it() -> None:
    """ISO 8601 is taken as it stands."""
    assert datetime(2026, 3, 1, 6, 0, tzinfo=UTC) == moment("2026-03-01T08:00+02:00", NOW)


@given(st.text() | st.from_regex(r"[+-]?(\d+[wdhms]){1,3}", fullmatch=True))
def test_no_text_is_more_than_a_time_or_one_mistake(text: str) -> None:
    """Whatever is typed, it is a time with a zone, or said to be none."""
    try:
        found = moment(text, NOW)
    except ConfigurationError:
        return
    assert found.tzinfo is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12345", 12345),
        ("#12345", 12345),
        (" PT4KHLK ", "PT4KHLK"),
        ("https://harbour.eu.pagerduty.com/incidents/PT4KHLK", "PT4KHLK"),
    ],
)
def test_an_incident_has_several_names(text: str, expected: str | int) -> None:
    """A number, with the sign that PagerDuty shows before it or without; an id; the address of its page."""
    assert expected == incident_id(text)


@given(st.text())
def test_no_name_of_an_incident_breaks_a_path(text: str) -> None:
    """Whatever is typed, only letters and digits get into the path of a request."""
    try:
        found = str(incident_id(text))
    except ConfigurationError:
        return
    assert found.isascii()
    assert found.isalnum()
