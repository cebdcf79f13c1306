"""A flow is data: it goes out and comes back the same, and what comes in passes the checks of `build()`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from resolute import Flow, FlowBuildError, each, flow, gate, input_data, manual, node, not_, text, webhook
from resolute.execution.inputs import read_any_input
from resolute.plan.errors import InvalidInputError
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.plan.verification import unverified
from resolute.testing import FlowTester
from resolute.writing.data import flow_as_data, flow_from_data
from resolute.writing.documents import read_document, write_document
from resolute.writing.schema import flow_schema
from tests.contract.catalogue import SCENARIOS

PUBLISHED = Path(__file__).parents[2] / "docs" / "reference" / "flow.schema.json"
DECIDED = [scenario for scenario in SCENARIOS if any(name.startswith("decision.") for name in scenario.flow.nodes)]
AS_DATA = [scenario for scenario in SCENARIOS if scenario not in DECIDED]


@node
async def check(host: str) -> bool:
    """Whether a host is well."""
    return host != "db-2"


@node
async def page(hosts: list[str]) -> str:
    """Pages."""
    return ",".join(hosts)


def without_places(plan: Plan) -> Plan:
    """The plan as such; where its steps were written is another place for data."""
    return plan.model_copy(update={"places": {}})


def through_yaml(built: Flow) -> Flow:
    """The flow after a journey through a file."""
    document = read_document(write_document(built), "x.flow.yaml")
    return flow_from_data(document.data, built.nodes)


@pytest.mark.parametrize("scenario", AS_DATA, ids=lambda scenario: scenario.flow.name)
def test_the_round_trip_is_exact(scenario: Any) -> None:
    """Every kind of step, trigger, policy and expression comes back as it went, by YAML and as a whole plan in JSON."""
    built: Flow = scenario.flow
    whole = cast("Json", json.loads(built.plan.model_dump_json()))

    assert without_places(built.plan) == without_places(through_yaml(built).plan)
    assert built.plan.fingerprint == through_yaml(built).plan.fingerprint
    assert without_places(built.plan) == without_places(flow_from_data(whole, built.nodes).plan)


@pytest.mark.parametrize("scenario", AS_DATA, ids=lambda scenario: scenario.flow.name)
def test_what_is_written_is_valid(scenario: Any) -> None:
    """The published schema takes what a flow is written as."""
    validator: Any = Draft202012Validator(flow_schema())

    assert [] == list(validator.iter_errors(flow_as_data(scenario.flow)))


def test_the_published_schema_is_current() -> None:
    """Editors find the schema of this release; `resolute schema --write docs/reference` makes it anew."""
    assert flow_schema() == json.loads(PUBLISHED.read_text())
    Draft202012Validator.check_schema(flow_schema())


def test_a_function_cannot_be_data() -> None:
    """A flow that a Python function decides in says so, with its step."""
    built = DECIDED[0].flow

    with pytest.raises(FlowBuildError, match="a Python function decides there"):
        flow_from_data(flow_as_data(built), built.nodes)


async def test_a_flow_from_yaml_runs() -> None:
    """Written by hand, with what has a default left out, it is checked and runs like any other."""
    text = """
    name: fleet
    triggers:
      - {kind: manual, id: go}
    steps:
      - kind: each
        id: checks
        items: {$input: [hosts]}
        body:
          - {kind: call, id: check, node: check, arguments: {host: {$item: [checks]}}}
        gives: check
      - kind: when
        id: any_bad
        condition: {$contains: [{$output: [checks]}, false]}
        then:
          - {kind: call, id: page, node: page, arguments: {hosts: {$input: [hosts]}}}
    """
    document = read_document(text, "fleet.flow.yaml")
    nodes = {each.definition.name: each.definition for each in (check, page)}
    built = flow_from_data(document.data, nodes)

    run = await FlowTester(built).run({"hosts": ["db-1", "db-2"]})

    assert {"checks": [True, False], "page": "db-1,db-2"} == run.result
    assert {"checks": 6, "check": 10, "any_bad": 12, "page": 16} == {
        name: line for name, line in document.lines.items() if name != "go"
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": [{"kind": "call", "id": "a", "node": "chekc", "arguments": {"host": "x"}}]}, "did you mean 'check'"),
        ({"steps": [{"kind": "call", "id": "a", "node": "check", "arguments": {"host": 1}}]}, "valid string"),
        (
            {"steps": [{"kind": "call", "id": "a", "node": "check", "arguments": {"host": {"$output": ["b", "x"]}}}]},
            "no step is called 'b'",
        ),
        ({"steps": [{"kind": "teleport", "id": "a"}]}, "kind 'teleport' is not known"),
        ({"steps": []}, "the flow has no step"),
        ({"triggers": []}, "nothing starts the flow"),
        ({"interpreter": 99}, "use the newer release"),
        ({"format": 2}, "use the newer release"),
        ({"extra": 1}, "Extra inputs"),
        ({"name": "a b"}, "not a valid flow name"),
    ],
)
def test_mistakes_in_data(change: dict[str, Any], said: str) -> None:
    """What comes in as data meets the checks of `build()`, each with its place."""
    step = {"kind": "call", "id": "a", "node": "check", "arguments": {"host": "db-1"}}
    data = {"name": "fleet", "triggers": [{"kind": "manual", "id": "go"}], "steps": [step]}

    with pytest.raises(FlowBuildError) as raised:
        flow_from_data({**data, **change}, {"check": check.definition})

    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x", "x.yaml:1  anchors"),
        ("a: 1\na: 2", "x.yaml:2  the key 'a' stands there twice"),
        ("a: [1", "x.yaml:1  that is no YAML"),
        ("a: !!python/object:os.system x", "x.yaml:1  'x' is no JSON value"),
        ("? [1]\n: 2", "x.yaml:1  a key is a text"),
        ("[" * 200 + "]" * 200, "x.yaml:1  lists and objects are nested more than 100 deep"),
        ("[" * 5000, "that is no YAML"),
        ("a\x00b", "that is no YAML"),
        ("x" * 1_000_001, "1,000,000 are the most"),
    ],
)
def test_files_that_are_no_flow(text: str, said: str) -> None:
    """A broken or hostile file is one mistake with its line, never a crash and never code that runs."""
    with pytest.raises(FlowBuildError) as raised:
        read_document(text, "x.yaml")

    assert said in "\n".join(str(problem) for problem in raised.value.problems)


def test_words_of_old_yaml_are_text() -> None:
    """`no`, `on` and times are texts, as in YAML 1.2: a country stays a country."""
    document = read_document("[no, on, Yes, 2026-01-01, 0o17, 1_000, 12:30, 1e3, 007, ~, true, 1.5, '1']", "x.yaml")

    assert ["no", "on", "Yes", "2026-01-01", "0o17", "1_000", "12:30", 1000.0, 7, None, True, 1.5, "1"] == document.data


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_any_argument_survives_yaml(value: Any) -> None:
    """Whatever data an argument is, it is read back as the same."""

    @node
    async def echo(value: Any) -> Any:
        return value

    built = flow("echo").triggered_by(manual("go")).then(echo(value)).build()

    assert without_places(built.plan) == without_places(through_yaml(built).plan)


def test_input_of_a_flow_that_is_data() -> None:
    """Without a model, the trigger's schema says what is taken."""
    schema = {"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}}
    made = flow("hook").triggered_by(webhook("/hook", verify=unverified())).then(check(input_data().host)).build()
    data = cast("dict[str, Any]", flow_as_data(made))
    data["triggers"][0]["input_schema"] = schema
    built = flow_from_data(data, made.nodes)

    assert {"host": "db-1"} == read_any_input(built, {"host": "db-1"})
    with pytest.raises(InvalidInputError, match=r"input: is missing host"):
        read_any_input(built, {"hosts": 1})


def test_conditions_and_items_keep_their_form() -> None:
    """Conditions, items and defaults are written as the language of plans has them."""
    body = each(input_data("hosts"), lambda host: check(host), where=lambda host: not_(host == "x"), at_once=3)
    built = flow("fleet").triggered_by(manual("go")).then(body.as_("checks")).build()
    steps = cast("Any", flow_as_data(built))["steps"]

    assert {"$not": [{"$eq": [{"$item": ["checks"]}, "x"]}]} == steps[0]["where"]
    assert 3 == steps[0]["at_once"]
    assert without_places(built.plan) == without_places(through_yaml(built).plan)


class Reason(BaseModel):
    """What who approves fills in."""

    ticket: str
    hours: int = 1


def test_a_gate_comes_back() -> None:
    """A gate with a form, a link for each approver and reminders is the same after its journey."""
    asked = gate(
        "approve",
        ask=text("Page {}?", input_data("host")),
        form=Reason,
        approvers=["ada", "grace"],
        quorum=2,
        timeout=timedelta(hours=2),
        remind=timedelta(minutes=30),
        notify=lambda link, person: page([link, person]),
    )
    built = flow("asking").triggered_by(manual("go")).then(asked).then(check(asked.output.form.ticket)).build()

    assert without_places(built.plan) == without_places(through_yaml(built).plan)
