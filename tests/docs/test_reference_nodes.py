"""The reference of the nodes: complete, current, and the same in the documentation and in a terminal."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from resolute_pagerduty import PagerDuty
from resolute_pagerduty.http.operations import OPERATIONS
from resolute_worker.cli.app import run
from resolute_worker.cli.nodes import document
from resolute_worker.providers import KNOWN
from resolute_worker.reference.describe import FACTS, NodeReference, describe
from tests.house.reading import ROOT

PAGE = ROOT / "docs" / "reference" / "pagerduty.md"
REFERENCES = [describe(definition) for definition in PagerDuty.nodes()]

# What programs that work with PagerDuty call: each has a node of its own.
METHODS = """
GET    /incidents
GET    /incidents/{id}
POST   /incidents
PUT    /incidents/{id}
PUT    /incidents
GET    /incidents/{id}/notes
POST   /incidents/{id}/notes
GET    /incidents/{id}/alerts
GET    /services
GET    /services/{id}
POST   /services
PUT    /services/{id}
GET    /schedules
GET    /schedules/{id}
POST   /schedules/{id}/overrides
GET    /escalation_policies
GET    /escalation_policies/{id}
POST   /escalation_policies
GET    /users
GET    /users/{id}
GET    /users/me
POST   /users
GET    /teams
POST   /teams
PUT    /teams/{id}/users/{user_id}
GET    /oncalls
POST   /v2/enqueue
POST   /v2/change/enqueue
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """The table of requests as the page has it: the request, the nodes that are for it, those that it helps."""
    for line in PAGE.read_text().splitlines():
        if found := re.fullmatch(r"\| `([A-Z]+ /\S*)` \| (.*) \| (.*) \|", line):
            yield found[1], found[2].strip(), found[3].strip()


def test_the_page_is_current() -> None:
    """A change to a node needs the page generated again, with `resolute nodes PROVIDER --markdown`."""
    for provider in KNOWN:
        assert document(provider) == (PAGE.parent / f"{provider}.md").read_text()


@pytest.mark.parametrize("method", [" ".join(line.split()) for line in METHODS.strip().splitlines()])
def test_every_method_has_a_node(method: str) -> None:
    """The row of each method names at least one node that is for it."""
    assert [True] == [bool(nodes) for request, nodes, _ in rows() if request == method]


def test_no_row_is_empty_and_none_is_missing() -> None:
    """Each request that the provider can send is in the table, with the node that sends it."""
    assert sorted({f"{each.method} {each.path}" for each in OPERATIONS}) == sorted(request for request, _, _ in rows())
    assert [] == [request for request, nodes, helps in rows() if not (nodes or helps)]


def test_every_link_leads_somewhere() -> None:
    """A link within the page has its heading."""
    page = PAGE.read_text()
    headings = {heading.lower() for heading in re.findall(r"^### (\S+)$", page, re.MULTILINE)}

    assert [] == sorted(set(re.findall(r"\]\(#([^)]+)\)", page)) - headings)


@pytest.mark.parametrize("node", REFERENCES, ids=lambda node: node.call)
def test_every_node_says_everything(node: NodeReference) -> None:
    """What it is for, what each input means, all facts, an example: nothing that a reader looks for is left out."""
    assert node.docstring.summary
    assert node.docstring.example
    assert [] == [field.name for field in node.input if not field.meaning]
    only_of_writes = set[str]() if ":write" in node.facts["Grant"] else {"Remaining risk"}
    assert set(FACTS.values()) - only_of_writes == set(node.facts)
    assert [] == [name for name, fact in node.facts.items() if not fact]


@pytest.mark.parametrize("node", REFERENCES, ids=lambda node: node.call)
def test_every_input_schema_is_a_schema(node: NodeReference) -> None:
    """The input as JSON Schema can be used by any program, and names every parameter."""
    validator: Any = Draft202012Validator
    validator.check_schema(node.input_schema)

    assert [field.name for field in node.input] == list(node.input_schema["properties"])


@pytest.mark.parametrize("name", ["trigger_event", "TriggerEvent", "pagerduty.TriggerEvent"])
def test_a_node_is_shown_by_any_of_its_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Input, output, grant, limit, why it is safe to repeat, and the official page, in a terminal."""
    assert 0 == run(["nodes", name])

    shown = capsys.readouterr().out
    for text in ("routing_key", 'secret("NAME")', "dedup_key", "events:write", "about 120 events", "https://"):
        assert text in shown


def test_the_output_is_shown_with_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Authors see which references they can write: the fields of the objects in the output, too."""
    assert 0 == run(["nodes", "list_incidents"])

    assert "incidents[].title" in capsys.readouterr().out


def test_a_list_and_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name, every node; with that of a provider, its own; with --json, what a program can read."""
    assert 0 == run(["nodes", "--json"])
    everything = json.loads(capsys.readouterr().out)
    assert 0 == run(["nodes", "pagerduty", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert 0 == run(["nodes", "add_note", "--json"])
    one = json.loads(capsys.readouterr().out)

    assert [node.call for node in REFERENCES] == [each["node"] for each in listed]
    assert {"pagerduty", "slack"} == {each["activity"].partition(".")[0] for each in everything}
    assert ["incident_id", "content"] == one["input"]["required"]


def test_an_unknown_node_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest name is offered."""
    assert 2 == run(["nodes", "triger_event"])

    assert "did you mean 'trigger_event'?" in capsys.readouterr().err
