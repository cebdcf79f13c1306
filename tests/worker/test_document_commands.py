"""`resolute export flow`, `import` and `schema`: flows go out as data and come in checked."""

import json
from pathlib import Path

import pytest

from tests.worker.processes import resolute

FLOW = """
from resolute import flow, manual, node

@node
async def greet(name: str) -> str:
    return f"hello {name}"

greeting = flow("greeting").triggered_by(manual("greet")).then(greet("you").as_("hello")).build()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one flow."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greeting.py").write_text(FLOW)
    return tmp_path


async def test_a_flow_goes_out_and_comes_in(project: Path) -> None:
    """What is exported can be renamed and imported, and is found beside the Python flow from then on."""
    _, exported, _ = await resolute("export", "flow", "greeting", folder=project)
    (project / "other.yaml").write_text(exported.replace("name: greeting", "name: other"))

    first, _, _ = await resolute("import", "other.yaml", folder=project)
    second, _, said = await resolute("import", "other.yaml", folder=project)
    _, checked, _ = await resolute("check", "--json", folder=project)

    assert (0, 2) == (first, second)
    assert "exists: give --force to replace it" in said
    assert ["greeting", "other"] == [row["flow"] for row in json.loads(checked)["flows"]]


async def test_what_cannot_run_is_not_imported(project: Path) -> None:
    """A mistake is said, and nothing is written."""
    (project / "bad.yaml").write_text("name: bad\ntriggers: []\nsteps: [{kind: call, id: a, node: gret}]")

    code, _, said = await resolute("import", "bad.yaml", folder=project)

    assert 1 == code
    assert "no node is called 'gret'" in said
    assert [project / "flows" / "greeting.py"] == list((project / "flows").glob("*.*"))


async def test_the_schema_is_written_for_editors(project: Path) -> None:
    """The file that the first line of an exported flow names."""
    code, _, _ = await resolute("schema", "--write", "flows", folder=project)

    assert 0 == code
    assert "A flow of Resolute" == json.loads((project / "flows" / "flow.schema.json").read_text())["title"]
