"""Which process of a session runs which tests: those that share a server or a worker stay together and in order."""

import re
from typing import Final

import pytest
from xdist.remote import Producer  # pyright: ignore[reportMissingTypeStubs]  # it has none
from xdist.scheduler.loadfile import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs]  # it has none

_SLOW: Final = ("acceptance", "worker", "contract")
"""The folders whose tests take longest, the longest first: their tests start processes and servers."""

_RUNTIME: Final = re.compile(r"test_scenarios\.py::.*\[.*?(temporal(?:-replaying|-continuing)?)")


def scope_of(nodeid: str) -> str:
    """What the tests of one process have in common: their file, and in the largest file also their runtime.

    >>> scope_of("tests/unit/test_cron.py::test_every_minute[UTC]")
    'tests/unit/test_cron.py'
    >>> scope_of("tests/contract/test_scenarios.py::test_the_same_error[memory-continuing-temporal-replaying-lists]")
    'tests/contract/test_scenarios.py temporal-replaying'
    """
    file = nodeid.split("::", 1)[0]
    runtime = _RUNTIME.search(nodeid)
    return f"{file} {runtime[1]}" if runtime else file


def slow_first(items: list[pytest.Item]) -> None:
    """Puts what takes long in front, so that quick tests are left for the end and all processes end together."""
    place = {folder: number for number, folder in enumerate(_SLOW)}
    items.sort(key=lambda item: place.get(item.path.parent.name, len(_SLOW)))


class ByScope(LoadFileScheduling):
    """Gives a process the tests of one scope after those of another."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
