"""The process is set up by environment variables, and a wrong one is named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from resolute.plan.errors import ConfigurationError
from resolute_worker.settings import load_settings


def test_variables_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that begin with RESOLUTE_ are read; what a command was given goes first."""
    monkeypatch.setenv("RESOLUTE_TASK_QUEUE", "alerting")
    monkeypatch.setenv("RESOLUTE_FLOWS", "flows:more/flows.py")
    monkeypatch.setenv("RESOLUTE_RELEASED", "2026-11-20T12:00:00Z")
    settings = load_settings(http_port=0, embedded=None)

    assert ("alerting", 0, False) == (settings.task_queue, settings.http_port, settings.embedded)
    assert (Path("flows"), Path("more/flows.py")) == settings.flows
    assert datetime(2026, 11, 20, 12, tzinfo=UTC) == settings.released
    assert settings.worker_set is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RESOLUTE_HTTP_PORT", "99999"),
        ("RESOLUTE_RELEASED", "2026-11-20T12:00:00"),
        ("RESOLUTE_LOG_FORMAT", "xml"),
        ("RESOLUTE_EMBEDDED", "perhaps"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One line names the variable that is wrong."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("RESOLUTE_LOG_LEVEL", "RESOLUTE_LOG_LEVEL: give 'debug', 'info', 'warning' or 'error'"),
        ("RESOLUTE_LOG_FORMAT", "RESOLUTE_LOG_FORMAT: give 'auto', 'console' or 'json'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_words_that_are_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    """Where a variable takes one of a few words, the message is what to give."""
    monkeypatch.setenv(name, "verbose")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    assert told == str(caught.value)
