"""Flows are found in files, and every mistake is named with its place."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolute.plan.errors import ConfigurationError
from resolute_worker.discovery import Discovery, Mistake, discover, forget

GOOD = """
from resolute import flow, manual, node

@node
async def greet(name: str) -> str:
    return f"hello {name}"

greeting = flow("greeting").triggered_by(manual("greet")).then(greet("you")).build()
"""

BROKEN = """
from resolute import flow, manual, node

@node
async def double(number: int) -> int:
    return 2 * number

doubled = flow("doubled").triggered_by(manual("go")).then(double("two")).then(double()).build()
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs in a folder of its own; what is imported there is forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    before = sys.modules.copy()
    yield
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]
    sys.modules.update(before)


def found(folder: Path, **files: str) -> Discovery:
    """What is discovered in files of these names and contents."""
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    forget([folder])
    return discover([folder])


def names(discovery: Discovery) -> list[str]:
    return [each.flow.name for each in discovery.flows]


def places(discovery: Discovery) -> list[str]:
    return [mistake.place for mistake in discovery.mistakes]


def test_flows_at_the_top_of_files_are_found(flows: Path) -> None:
    """Each flow that stands at the top of a module is found, with its file."""
    discovery = found(flows, hello=GOOD)

    assert [("greeting", flows / "hello.py")] == [(each.flow.name, each.file) for each in discovery.flows]
    assert () == discovery.mistakes


def test_one_broken_file_hides_no_other(flows: Path) -> None:
    """A file with mistakes is reported whole, and the flows of the others are still found."""
    discovery = found(flows, bad=BROKEN, hello=GOOD)

    assert ["greeting"] == names(discovery)
    (mistake,) = discovery.mistakes
    assert ("flows/bad.py:8", "doubled") == (mistake.place, mistake.flow)
    assert "2 problems in flow 'doubled'" in mistake.message


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ("x = (", "flows/bad.py:1", "SyntaxError"),
        ("\nimport nothing_of_this_name", "flows/bad.py:2", "No module named 'nothing_of_this_name'"),
        ("\n\nprint(1 / 0)", "flows/bad.py:3", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", "flows/bad.py:2", "__main__"),
    ],
    ids=["syntax", "import", "error", "exit"],
)
def test_a_file_that_does_not_import_is_placed(flows: Path, content: str, place: str, message: str) -> None:
    """A file that cannot be imported is reported with file and line, and ends nothing."""
    (mistake,) = found(flows, bad=content).mistakes

    assert place == mistake.place
    assert message in mistake.message


def test_a_helper_that_fails_is_placed_where_it_fails(flows: Path) -> None:
    """The place is the line that raised, also where another file of the author's imports it."""
    discovery = found(flows, _helper="\n\nraise RuntimeError('broken helper')", uses="import flows._helper")

    assert ["flows/_helper.py:3"] == places(discovery)


def test_two_flows_of_one_name_are_a_mistake(flows: Path) -> None:
    """A name belongs to one flow; the mistake names both files."""
    discovery = found(flows, one=GOOD, two=GOOD.replace("hello", "hallo"))

    (mistake,) = [each for each in discovery.mistakes if each.message.startswith("flow")]
    assert Mistake("flows/two.py", mistake.message, flow="greeting") == mistake
    assert "also in flows/one.py" in mistake.message


def test_a_flow_imported_elsewhere_is_one_flow(flows: Path) -> None:
    """A flow that a second file imports is found once."""
    discovery = found(flows, a_first=GOOD, b_second="from flows.a_first import greeting")

    assert ["greeting"] == names(discovery)
    assert () == discovery.mistakes


def test_two_nodes_of_one_name_are_a_mistake(flows: Path) -> None:
    """A node name belongs to one function, since a run finds its nodes by name."""
    other = GOOD.replace("greeting", "parting").replace("hello", "goodbye")
    discovery = found(flows, one=GOOD, two=other)

    assert ["flows/two.py"] == places(discovery)
    assert "node 'greet' is another one in flows/one.py" in discovery.mistakes[0].message


def test_a_flow_that_is_never_built_is_a_mistake(flows: Path) -> None:
    """Forgetting .build() is said, instead of finding nothing."""
    discovery = found(flows, hello=GOOD.replace(".build()", ""))

    assert ["flow 'greeting' is never built: end it with .build()"] == [each.message for each in discovery.mistakes]


def test_a_file_is_read_anew_after_it_was_forgotten(flows: Path) -> None:
    """What was loaded once is loaded again from its file, for reloading while a worker runs."""
    before = found(flows, hello=GOOD).flows[0].flow.plan.fingerprint
    after = found(flows, hello=GOOD.replace('greet("you")', 'greet("me")')).flows[0].flow.plan.fingerprint

    assert before != after


def test_printing_does_not_end_up_in_the_output(flows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a flow file prints goes to stderr, so that --json stays JSON."""
    found(flows, hello="print('loading')\n" + GOOD)

    assert ("", "loading\n") == capsys.readouterr()


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A path that does not exist is a mistake of the caller's, in one line."""
    with pytest.raises(ConfigurationError, match="nowhere does not exist"):
        discover([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('", ".join([output("a")])', "sequence item 0: expected str instance, Reference found"),
        ('json.dumps({"a": output("a") == 1})', "Object of type Expression is not JSON serializable"),
        ("json.dumps(now())", "Object of type Now is not JSON serializable"),
        ('re.match("a", output("a"))', "expected string or bytes-like object, got 'Reference'"),
    ],
)
def test_an_error_of_pythons_about_a_value_of_the_run_says_what_to_do(flows: Path, code: str, said: str) -> None:
    """Functions in C refuse such a value before it can answer, so `resolute check` says what they cannot."""
    step = GOOD.replace('greet("you")', f"greet({code})")
    content = f"import json, re\nfrom resolute import now, output{step}"
    ((place, message),) = [(each.place, each.message) for each in found(flows, wrong=content).mistakes]

    assert "flows/wrong.py:9" == place
    assert message == (
        f"TypeError: {said}; a value of the run, such as health.output, is not known while the flow is written: join "
        "and convert such values in a node, or put them into a text with text('... {} ...', health.output)"
    )


def test_another_type_error_of_a_file_is_told_as_it_is(flows: Path) -> None:
    """Where no value of a run is meant, nothing is said of one."""
    content = GOOD.replace('greet("you")', 'greet(", ".join([1]))')

    assert ["TypeError: sequence item 0: expected str instance, int found"] == [
        each.message for each in found(flows, wrong=content).mistakes
    ]


def test_a_variable_that_a_file_reads_itself_is_answered_with_env(flows: Path) -> None:
    """A flow file is read before any run, so what is missing there is read on the worker instead."""
    content = GOOD.replace('greet("you")', 'greet(os.environ["NOWHERE_SET"])')
    ((place, message),) = [(each.place, each.message) for each in found(flows, wrong="import os" + content).mistakes]

    assert "flows/wrong.py:8" == place
    assert message == (
        "the environment variable 'NOWHERE_SET' is not set where the file is read, which is before any run: write "
        "env('NOWHERE_SET'), or secret('NOWHERE_SET') for confidential values, and the worker reads it when a node runs"
    )


DATA = """
name: greeting
triggers: [{kind: manual, id: go}]
steps:
  - {kind: call, id: hello, node: greet, arguments: {name: you}}
"""

NODES = """
from resolute import node

@node
async def greet(name: str) -> str:
    return f"hello {name}"
"""


def test_flows_that_are_data(tmp_path: Path) -> None:
    """A `.flow.yaml` stands beside Python files and may call their nodes; other YAML is left alone."""
    (tmp_path / "nodes.py").write_text(NODES)
    (tmp_path / "greeting.flow.yaml").write_text(DATA)
    (tmp_path / "compose.yaml").write_text("services: {}")

    found = discover([tmp_path])

    assert () == found.mistakes
    assert ["greeting"] == [each.flow.name for each in found.flows]
    assert found.flows[0].flow.plan.places["hello"].endswith("greeting.flow.yaml:5")


def test_mistakes_in_data_have_their_line(tmp_path: Path) -> None:
    """Each mistake in a flow that is data is said with its line, as in Python."""
    (tmp_path / "nodes.py").write_text(NODES)
    (tmp_path / "greeting.flow.yaml").write_text(DATA.replace("node: greet", "node: gret"))
    (tmp_path / "broken.flow.yaml").write_text("name: [")

    found = discover([tmp_path])

    assert ["broken.flow.yaml:1", "greeting.flow.yaml:5"] == [each.place for each in found.mistakes]
    assert "no node is called 'gret': did you mean 'greet'" in found.mistakes[1].message


def test_a_flow_twice_in_python_and_data(tmp_path: Path) -> None:
    """A flow has one home: the same name in a Python file and in data is a mistake."""
    (tmp_path / "nodes.py").write_text(GOOD)
    (tmp_path / "greeting.flow.yaml").write_text(DATA)

    assert "also in nodes.py" in discover([tmp_path]).mistakes[0].message
