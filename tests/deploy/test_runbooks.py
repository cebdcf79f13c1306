"""Each alert has a runbook, and what alerts and runbooks tell somebody to run is there to be run."""

import re
import shlex
from typing import Any

import pytest

from tests.deploy.reading import documents
from tests.docs.pages import Page, misspoken
from tests.house.reading import ROOT

PAGE = Page(ROOT / "docs" / "runbooks.md")
SECTIONS = {
    found[0]: found[1] for found in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE.text, re.MULTILINE | re.DOTALL)
}
PARTS = ("Means", "Look", "Do", "Escalate")


def alerts() -> dict[str, dict[str, Any]]:
    """The alert rules that are shipped, by their names."""
    (file,) = documents(ROOT / "observability" / "alerts.yml")
    return {rule["alert"]: rule for group in file["groups"] for rule in group["rules"] if "alert" in rule}


def commands(text: str) -> list[list[str]]:
    """The commands of `resolute` that a text names, in blocks and in its lines."""
    found = [*re.findall(r"^resolute .*$", text, re.MULTILINE), *re.findall(r"`(resolute [^`]+)`", text)]
    return [shlex.split(each, comments=True) for each in found]


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    """An alert says where its runbook stands, and no runbook is left of an alert that is gone."""
    said = {name: rule["annotations"].get("runbook_url") for name, rule in alerts().items()}

    assert {name: f"docs/runbooks.md#{name.lower()}" for name in said} == said
    assert set(said) == set(SECTIONS)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_runbook_says_all_that_somebody_needs(name: str) -> None:
    """What it means, what to look at, what to do and when to escalate, in this order, with commands to look with."""
    parts = re.findall(r"^\*\*(\w+)\b\.?\*\*", SECTIONS[name], re.MULTILINE)
    look = SECTIONS[name].partition("**Look.**")[2].partition("**Do.**")[0]

    assert list(PARTS) == parts
    assert [] != commands(look)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_what_a_runbook_tells_somebody_to_run_exists(name: str) -> None:
    """Each command is one of the command line, with options that it has."""
    found = {shlex.join(words): misspoken(words) for words in commands(SECTIONS[name]) if words[-1] != "..."}

    assert dict.fromkeys(found) == found


def test_what_an_alert_tells_somebody_to_run_exists() -> None:
    """The text of an alert names commands too, with its labels in them."""
    texts = {name: " ".join(rule["annotations"].values()) for name, rule in alerts().items()}
    plain = {name: re.sub(r"\{\{.*?\}\}", "name", text) for name, text in texts.items()}
    words = {
        name: re.findall(r"(resolute .*?)(?: shows| says| \w+s them|[.;,]|$)", text) for name, text in plain.items()
    }
    found = {(name, each): misspoken(shlex.split(each)) for name in words for each in words[name]}

    assert dict.fromkeys(found) == found
    assert 2 <= len(found)


def test_a_label_in_a_runbook_is_one_of_the_watcher() -> None:
    """The kinds of findings in the table are those that the watcher has."""
    table = SECTIONS["ResoluteFinding"].partition("| kind |")[2]
    watching = (ROOT / "docs" / "watching.md").read_text().partition("| it says |")[2].partition("\n\n")[0]

    assert set(re.findall(r"`(\w+)`", watching)) == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_a_command_that_is_not_there_is_found() -> None:
    """A wrong option is seen in a block and in a line."""
    wrong = commands("```sh\nresolute runs --flow x\n```\nsay `resolute brake of` now")

    assert [True, True] == [misspoken(words) is not None for words in wrong]
