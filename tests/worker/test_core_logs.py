"""The SDK core's lines: each kind once a minute, whatever an outage lasts."""

import logging

import pytest

from resolute_worker.core_logs import WithoutRepeats


def _record(message: str, at: float, level: int = logging.WARNING) -> logging.LogRecord:
    record = logging.getLogger("core").makeRecord("core", level, __file__, 1, message, (), None)
    record.created = at
    return record


def test_a_kind_of_line_is_written_once_a_minute() -> None:
    """Lines that differ in what follows their beginning are one kind; another kind is written all the same."""
    repeats, long = WithoutRepeats(), "n" * 100
    written = [repeats.filter(_record(f"{long}{second}", second)) for second in range(150)]

    assert [0, 60, 120] == [second for second, passed in enumerate(written) if passed]
    assert repeats.filter(_record("something else", 1.0))


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_retries_are_left_out(level: int) -> None:
    """That a call is made again is said by nobody: one line tells of the outage, and one of its end."""
    assert not WithoutRepeats().filter(_record("[temporalio_client::retry] gRPC call retried 50 times", 0.0, level))


def test_kinds_are_bounded() -> None:
    """Ever new lines are all written, and none is remembered for ever."""
    repeats = WithoutRepeats()

    assert all(repeats.filter(_record(f"kind {number}", 0.0)) for number in range(1_000))
