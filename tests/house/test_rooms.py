"""The rooms and the walls between them, checked on the source as it stands; and that each check can fail."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import rules
from tests.house.reading import House, house, module
from tests.house.rooms import ROOMS, rooms_of

Rule = Callable[[House], list[str]]


def reached_from_the_workflow(house: House) -> list[str]:
    """The rule of the workflow, for the one module that it is about."""
    return rules.reached_from("resolute.temporal.workflows.workflow", house)


def test_rooms_are_folders(tmp_path: Path) -> None:
    """The rooms are read from the tree: a new folder is a room, and nobody may know it before somebody says so."""
    for package in ("resolute/plan", "resolute/attic", "providers/resolute_x", "worker/resolute_worker"):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
    rooms = {room.name: room for room in rooms_of(tmp_path)}

    assert not rules.unknown_rooms(ROOMS), "\n".join(rules.unknown_rooms(ROOMS))
    assert ("resolute.attic",) == rooms["attic"].modules
    assert "attic is no known room" in rules.unknown_rooms(list(rooms.values()))[0]
    assert "names 'writing', which is no folder" in rules.unknown_rooms(list(rooms.values()))[1]


def test_a_room_knows_only_rooms_above_it() -> None:
    """The table itself has an order, so no import that it allows climbs."""
    climbing = "\n".join(rules.climbing_rooms())

    assert not climbing, climbing


@pytest.mark.parametrize(
    "rule",
    [
        rules.homeless,
        rules.wrong_imports,
        rules.climbing_layers,
        rules.cycles,
        rules.misplaced_names,
        rules.misplaced_async,
        rules.asking_for_kinds,
        reached_from_the_workflow,
    ],
)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    """Every module stands in a room, imports only what its room may know, and holds only what its room may hold."""
    broken = "\n".join(rule(house()))

    assert not broken, broken


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (rules.homeless, "resolute.attic", ""),
        (rules.wrong_imports, "resolute.plan.plan", "from resolute.writing.builder import Flow"),
        (rules.wrong_imports, "resolute.writing.builder", "from ..running import interpreter"),
        (rules.wrong_imports, "resolute.running.interpreter", "def hidden():\n    from ..writing.builder import Flow"),
        (rules.wrong_imports, "resolute.running.interpreter", "import resolute"),
        (rules.wrong_imports, "resolute.temporal.client.client", "from resolute_worker.cli import main"),
        (rules.wrong_imports, "resolute_pagerduty.nodes", "import resolute.temporal"),
        (rules.wrong_imports, "flows.smart_alerting", "from resolute_worker import cli"),
        (rules.climbing_layers, "resolute.temporal.wire.start", "from resolute.temporal.workflows import workflow"),
        (rules.climbing_layers, "resolute.temporal.wire.start", "from resolute.temporal.worker import temporal_worker"),
        (rules.climbing_layers, "resolute.temporal.attic.old", ""),
        (rules.cycles, "resolute.writing.builder", "from resolute.writing.diagram import mermaid"),
        (rules.misplaced_names, "resolute.running.runtime", "import temporalio.workflow"),
        (rules.misplaced_names, "resolute.memory.runtime", "from httpx import AsyncClient"),
        (rules.misplaced_names, "resolute_pagerduty.http.exchange", "from temporalio import activity"),
        (rules.misplaced_names, "resolute.plan.plan", "from datetime import datetime\nwhen = datetime.now()"),
        (rules.misplaced_names, "resolute.plan.plan", "import datetime as d\nwhen = d.datetime.now()"),
        (rules.misplaced_names, "resolute.running.state", "from uuid import uuid4"),
        (rules.misplaced_names, "resolute.running.state", "import random"),
        (
            rules.misplaced_names,
            "resolute.running.interpreter",
            "import asyncio\nasyncio.wait([])",
        ),
        (rules.misplaced_names, "resolute.writing.checks", "import logging"),
        (rules.misplaced_names, "resolute_pagerduty.http.exchange", "import os\nkey = os.environ['KEY']"),
        (rules.misplaced_names, "resolute.execution.executor", "import os\nkey = os.getenv('KEY')"),
        (rules.misplaced_async, "resolute.writing.builder", "class Flow:\n    async def build(self): ..."),
        (rules.asking_for_kinds, "resolute.temporal.history.recorded", "from resolute.plan.kinds.when import When"),
        (
            rules.asking_for_kinds,
            "resolute_worker.cli.showing",
            "def look():\n    from resolute.plan.kinds import when",
        ),
        (rules.asking_for_kinds, "resolute.running.run", "from resolute.running.kinds.when import run_when"),
        (
            reached_from_the_workflow,
            "resolute.temporal.workflows.workflow",
            "from resolute.execution.executor import run",
        ),
        (reached_from_the_workflow, "resolute.temporal.workflows.workflow", "from resolute.plan.plan import Plan"),
    ],
)
def test_a_broken_wall_is_seen(rule: Rule, name: str, source: str) -> None:
    """Each rule names the file of a module that breaks it, whatever the form of the import."""
    neighbours = {
        "resolute.__init__": "",
        "resolute.plan.plan": "from resolute.execution.secrets import resolve",
        "resolute.execution.secrets": "",
        "resolute.execution.executor": "",
        "resolute.running.interpreter": "",
        "resolute.writing.builder": "",
        "resolute.writing.diagram": "from .builder import Flow",
        "resolute.temporal.__init__": "",
        "resolute.temporal.worker": "",
        "resolute.temporal.workflows.__init__": "",
        "resolute.temporal.workflows.workflow": "",
        "resolute_worker.__init__": "",
        "resolute_worker.cli": "",
        "resolute.plan.kinds.when": "",
        "resolute.running.kinds.when": "",
    }
    broken = {each: module(each, text) for each, text in {**neighbours, name: source}.items()}
    only_neighbours = {each: module(each, text) for each, text in neighbours.items()}

    seen = [finding for finding in rule(broken) if finding not in rule(only_neighbours)]

    assert 1 == len(seen)
    assert name in seen[0].replace("/", ".")


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (rules.homeless, "resolute.temporal.deep.inside", ""),
        (
            rules.wrong_imports,
            "resolute.running.interpreter",
            "from ..plan.plan import Plan\nimport asyncio",
        ),
        (rules.climbing_layers, "resolute.temporal.worker", "from resolute.temporal.workflows import workflow"),
        (rules.wrong_imports, "resolute_worker.cli", "from resolute import flow\nimport resolute.temporal"),
        (
            rules.misplaced_names,
            "resolute.temporal.client.client",
            "import temporalio\nimport logging\nimport uuid\nuuid.uuid4()",
        ),
        (rules.misplaced_names, "resolute.plan.plan", "from datetime import datetime\nstart: datetime\nstart.now"),
        (
            rules.misplaced_names,
            "resolute.plan.plan",
            "from ..secrets import x\nfrom .secrets import y",
        ),
        (rules.misplaced_async, "flows.smart_alerting", "async def check(): ..."),
        (rules.asking_for_kinds, "resolute.temporal.history.recorded", "from resolute.plan.kinds.call import Call"),
        (rules.asking_for_kinds, "resolute.running.kinds.when", "from resolute.plan.kinds.when import When"),
    ],
)
def test_a_standing_wall_is_left_alone(rule: Rule, name: str, source: str) -> None:
    """The rules do not cry over what a room may do."""
    neighbours = {
        each: module(each, "") for each in ("resolute.__init__", "resolute.plan.plan", "resolute.temporal.__init__")
    }

    assert [] == rule({**neighbours, name: module(name, source)})
