"""What is to be seen of a whole namespace at a moment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from resolute.running.ledger import Check
from resolute.running.switches import OFF, Switches
from resolute.temporal.client.gates import GateOfRun
from resolute.temporal.client.standing import StandingRun
from resolute.temporal.history.runs import RunSummary
from resolute.temporal.schedules.control import DeployedSchedule
from resolute_worker.watch.findings import Finding


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What is to be seen of a namespace.

    Attributes:
        at: when that was.
        running: the newest open runs, of `running_in_all`.
        gates: those that wait for somebody, oldest first.
        standing: the runs that do not go on by themselves.
        ended: the latest runs that have ended, newest first.
        checks: what those came to that have been read.
        unread: how many of them have not been read yet.
        schedules: as Temporal has them.
        findings: what is wrong with them.
        switches: the brake, and what is paused; `believed` says that their seal is right.
        problem: why a part of this is older than the rest; empty where none is.
    """

    at: datetime
    running: tuple[RunSummary, ...] = ()
    running_in_all: int = 0
    gates: tuple[GateOfRun, ...] = ()
    standing: tuple[StandingRun, ...] = ()
    ended: tuple[RunSummary, ...] = ()
    checks: tuple[Check, ...] = ()
    unread: int = 0
    schedules: tuple[DeployedSchedule, ...] = ()
    findings: tuple[Finding, ...] = ()
    switches: Switches = field(default=OFF)
    believed: bool = True
    problem: str = ""

    @property
    def held(self) -> tuple[StandingRun, ...]:
        """The runs that hold a step."""
        return tuple(run for run in self.standing if run.held)

    @property
    def notices(self) -> str:
        """The version of what every page says first: the brake, what is paused, and whether this can be believed."""
        shown = repr((self.switches, self.believed, self.problem)).encode()
        return hashlib.blake2b(shown, digest_size=9).hexdigest()

    @property
    def version(self) -> str:
        """The same for two sights that show the same, in every process."""
        shown = repr(replace(self, at=datetime.min)).encode()
        return hashlib.blake2b(shown, digest_size=9).hexdigest()
