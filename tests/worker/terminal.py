"""The command `resolute` in this process, with a simulator behind it: fast enough to try every question."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resolute_pagerduty.simulator import Simulator
from resolute_pagerduty.simulator.world import WORLD
from resolute_worker.cli.app import run


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit code, what it printed, and what it said on stderr."""

    code: int
    printed: str
    said: str

    @property
    def json(self) -> Any:
        return json.loads(self.printed)


Command = Callable[..., Ended]


def variables(sim: Simulator, folder: Path) -> dict[str, str]:
    """The environment that leads to a simulator; the audit log is in the folder."""
    return {
        "PAGERDUTY_API_URL": sim.url,
        "PAGERDUTY_EVENTS_URL": sim.events_url,
        "PAGERDUTY_API_KEY": WORLD.account_key,
        "PAGERDUTY_FROM_EMAIL": WORLD.from_email,
        "PAGERDUTY_ROUTING_KEY": WORLD.routing_key,
        "PAGERDUTY_AUDIT_LOG": str(folder / "audit.jsonl"),
    }


def fresh(sim: Simulator, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Simulator:
    """A simulator as it begins, which the environment leads to."""
    sim.reset()
    for name, value in variables(sim, folder).items():
        monkeypatch.setenv(name, value)
    for name in ("PAGERDUTY_ACCOUNTS", "PAGERDUTY_GRANTS", "PAGERDUTY_READ_ONLY"):
        monkeypatch.delenv(name, raising=False)
    return sim


def command(capsys: pytest.CaptureFixture[str], *before: str) -> Command:
    """`resolute` with the first words of its arguments."""

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run([*before, *arguments])
        caught = capsys.readouterr()
        return Ended(code, caught.out, caught.err)

    return call
