"""What every tier may need: one Temporal server for the whole session, and the order of tests in several processes."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Generator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from temporalio.client import Client
from temporalio.runtime import Runtime, TelemetryConfig
from xdist.remote import Producer  # pyright: ignore[reportMissingTypeStubs]  # it has none

from tests.scheduling import ByScope, slow_first
from tests.servers import temporal_server
from tests.turns import turn

if TYPE_CHECKING:
    from tests.board.site import Site

# How long an example takes says how busy the machine is, and nothing of what is promised.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """All processes of a session order sets alike, because they have to find the same tests with the same names.

    What the SDK's core logs of servers that tests have stopped would bury what they say themselves. A session in the
    background, or under nohup, ignores signals that its tests send, and so would what they start.
    """
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))
    if config.getoption("numprocesses", None):
        os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Soak tests take as long as they take. Where several processes share the tests, slow ones come first."""
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow_first(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByScope:
    """Tests that share a server stay in one process; the largest file has several."""
    return ByScope(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in a line each why tests were left out."""
    skipped: list[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    for reason, times in reasons.items():
        terminalreporter.write_line(f"{times} left out: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is marked `alone` runs while no other test does."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="module", autouse=True)
def flows_of_its_own() -> Generator[None]:
    """What a module's commands have loaded as `flows` from folders of their own is not there for the next module."""
    path = list(sys.path)
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "flows"}
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] == "flows" and name not in before]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.fixture(scope="session")
async def temporal_client() -> AsyncIterator[Client]:
    """A client of a Temporal server that lives as long as the session."""
    async with temporal_server() as client:
        yield client


@pytest.fixture(scope="module")
async def site(temporal_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A board whose people are ada (approver), bob (viewer) and olga (operator), and a worker beside it."""
    from tests.board.site import Site

    async with Site.with_worker(temporal_client, tmp_path_factory.mktemp("board")) as made:
        yield made
