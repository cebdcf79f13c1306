"""The flows that come with Resolute, as `resolute check` sees them."""

import json
import shutil
from pathlib import Path
from typing import Final

from tests.worker.processes import resolute

FLOWS: Final = Path(__file__).parents[2] / "flows"
READY: Final = [
    "auto-resolve",
    "database-monitor",
    "event-gateway",
    "failed-run-pager",
    "failover",
    "fleet-check",
    "incident-metrics",
    "incident-response",
    "on-call-notify",
    "smart-alerting",
    "war-room",
]

BROKEN = """
from resolute import flow, manual
from flows.common import nothing_of_this_name
"""

WRONG = """
from resolute import flow, manual, node

@node
async def count(number: int) -> int:
    return number

first = count("one").as_("first")
counting = flow("counting").triggered_by(manual("count")).then(count(first.output)).then(first).when(True).build()
"""


async def test_the_ready_flows_are_listed() -> None:
    """`resolute check flows/` lists every ready flow, and ends with 0."""
    code, printed, said = await resolute("check", "flows/", "--json", folder=FLOWS.parent)

    assert (0, "") == (code, said)
    assert READY == [each["flow"] for each in json.loads(printed)["flows"]]


async def test_every_mistake_of_broken_files_is_named(tmp_path: Path) -> None:
    """With broken files among them: every mistake with its place, the good flows, code 1, no traceback."""
    shutil.copytree(FLOWS, tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "flows" / "broken.py").write_text(BROKEN)
    (tmp_path / "flows" / "wrong.py").write_text(WRONG)
    code, printed, said = await resolute("check", "flows/", "--json", folder=tmp_path)
    report = json.loads(printed)

    assert 1 == code
    assert READY == [each["flow"] for each in report["flows"]]
    assert ["flows/broken.py:3", "flows/wrong.py:9"] == [each["place"] for each in report["mistakes"]]
    assert "nothing_of_this_name" in said
    assert all(mistake in said for mistake in ("input 'number'", "comes later", "is not closed"))
    assert "Traceback" not in said
