"""Log lines name flow, run and step, and never show a secret."""

import json
import logging

import pytest

from resolute.execution.secrets import Environment
from resolute_worker.logs import ConsoleLines, JsonLines

SECRET = 'pass"word\n1'


@pytest.fixture
def environment() -> Environment:
    """An environment that has read a secret which JSON would write in another way."""
    environment = Environment({})
    environment.remember([SECRET])
    return environment


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("test").makeRecord(
        "test", logging.WARNING, __file__, 1, message, arguments, None, extra=dict(extra)
    )


def test_a_json_line_names_what_it_is_about(environment: Environment) -> None:
    """Flow, run, step and attempt are fields of their own."""
    line = json.loads(JsonLines(environment).format(record("failed", flow="f", run="f/1", step="s", attempt=2)))

    expected = {"level": "warning", "message": "failed", "flow": "f", "run": "f/1", "step": "s", "attempt": 2}
    assert expected == {name: line[name] for name in expected}


def test_a_console_line_names_what_it_is_about(environment: Environment) -> None:
    """People read the same at the end of a line."""
    assert ConsoleLines(environment).format(record("failed", flow="f", step="s")).endswith("failed  flow=f  step=s")


@pytest.mark.parametrize("form", [JsonLines, ConsoleLines])
def test_no_line_shows_a_secret(environment: Environment, form: type[JsonLines] | type[ConsoleLines]) -> None:
    """A secret is masked in messages, in arguments and in errors, also where JSON would write it in another way."""
    line = form(environment).format(record("got %s", SECRET, flow=SECRET))

    assert "password" not in line.replace('\\"', "").replace('"', "").replace("\\n", "").replace("\n", "")
    assert "***" in line
