"""Control characters in texts of strangers never reach a terminal."""

import json
import logging

import pytest
from rich.text import Text

from resolute.execution.secrets import Environment
from resolute_worker.cli.output import show, table
from resolute_worker.cli.saying import say
from resolute_worker.logs import ConsoleLines, JsonLines

TITLE = "Checkout \x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r is down"
OBEYED = {"\x1b", "\x07", "\x9b", "\u202e", "\r"}


def test_commands_show_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    """In tables, sentences and JSON alike; and JSON says the same as before."""
    say(TITLE)
    show(False, None, lambda: table(["Title"], [[TITLE]], empty="none"))
    show(False, None, lambda: Text(TITLE))
    tables, sentences = capsys.readouterr()
    show(True, {"title": TITLE}, lambda: "")
    as_json = capsys.readouterr().out

    assert not OBEYED & {*tables, *sentences, *as_json}
    assert all("u001b[2J" in shown for shown in (tables, sentences, as_json))
    assert {"title": TITLE} == json.loads(as_json)


@pytest.mark.parametrize("formatter", [ConsoleLines, JsonLines])
def test_log_lines_show_control_characters(formatter: type[ConsoleLines | JsonLines]) -> None:
    """A log is read on terminals as well."""
    record = logging.LogRecord("resolute", logging.WARNING, __file__, 1, "refused: %s", (TITLE,), None)

    assert not OBEYED & set(formatter(Environment({})).format(record))
