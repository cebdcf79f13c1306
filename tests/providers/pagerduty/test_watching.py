"""Whatever goes wrong between a service and its pager: an incident is opened once, and resolved once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any, Final, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.providers.pagerduty.watching import BEGAN, Edition, Watch, provider_for, served

T = TypeVar("T")

HEALTHS: Final = st.sampled_from(["ok", "ok", "bad", "bad", "bad", "between", None])
FAULTS: Final = st.sampled_from(["", "", "refused", "lost", "unreachable", "told"])
WHERE: Final = st.tuples(st.sampled_from(["health", "_raise", "_clear", "told"]), st.sampled_from(["before", "after"]))
EDITIONS: Final = st.builds(
    Edition,
    name=st.sampled_from(["checkout", "checkout", "shop", None]),
    raise_after=st.integers(1, 3),
    clear_after=st.integers(1, 3),
)


class Watching(RuleBasedStateMachine):
    """Each step is a run of the schedule, or a deployment."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.watch: Watch = self._do(self._begin())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def _begin(self) -> Watch:
        sim = await self._stack.enter_async_context(served())
        return Watch(sim, await self._stack.enter_async_context(provider_for(sim)))

    @rule(health=HEALTHS, fault=FAULTS, continued=st.booleans())
    def check(self, health: Any, fault: Any, continued: bool) -> None:
        """A run, in which PagerDuty or what stands behind the alarm may fail, and which may have many histories."""
        self._do(self.watch.check(health, fault=fault, continued=continued))

    @rule(health=HEALTHS, where=WHERE)
    def cancel(self, health: Any, where: Any) -> None:
        """A run that is cancelled at one of its calls."""
        self._do(self.watch.check(health, cancelled=where))

    @rule(health=HEALTHS, where=WHERE)
    def terminate(self, health: Any, where: Any) -> None:
        """A run that Temporal ends at one of its calls, and of which nothing is left."""
        self._do(self.watch.check(health, terminated=where))

    @rule(health=HEALTHS)
    def time_out(self, health: Any) -> None:
        """A run that takes longer than its flow allows."""
        self._do(self.watch.check(health, slow=True))

    @rule(edition=EDITIONS)
    def edit(self, edition: Edition) -> None:
        """Another edition of the flow is deployed: the alarm is renamed, taken out, put back, damped anew."""
        self.watch.edition = edition

    @rule()
    def recover(self) -> None:
        """All is well for long enough: every incident that was opened is resolved, and the memory is clean."""
        self.watch.edition = Edition()
        self._do(self._all("ok", 4))
        assert [] == self.watch.open

    @rule()
    def break_down(self) -> None:
        """All is bad for long enough: there is exactly one open incident, whatever happened before."""
        self.watch.edition = Edition()
        self._do(self._all("bad", 4))
        assert 1 == len(self.watch.open)

    async def _all(self, health: Any, times: int) -> None:
        for _ in range(times):
            await self.watch.check(health)

    @invariant()
    def one_at_a_time(self) -> None:
        """No second incident is opened beside one that is open."""
        assert len(self.watch.open) <= 1

    @invariant()
    def no_storm(self) -> None:
        """Between two incidents the service was well, and then bad again: no fault alone pages anybody twice."""
        incidents = self.watch.sim.incidents()
        for earlier, later in pairwise(incidents):
            seen = self.watch.between(earlier, later)
            assert "ok" in seen
            assert "bad" in seen

    def teardown(self) -> None:
        """In the end the service is well, and so is PagerDuty."""
        try:
            self.recover()
        finally:
            self._do(self._stack.aclose())
            self._runner.close()


def test_an_incident_is_opened_once_and_resolved_once() -> None:
    """300 steps of faults, cancels, timeouts, terminations, kills and edits."""
    steps = settings(max_examples=10, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(Watching, settings=steps)


@pytest.mark.soak
def test_an_incident_is_opened_once_and_resolved_once_in_ten_thousand_steps() -> None:
    """As above, for longer."""
    steps = settings(max_examples=250, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(Watching, settings=steps)


@pytest.mark.parametrize("step", ["_raise", "_clear", "told"])
@pytest.mark.parametrize("how", ["unreachable", "cancelled", "terminated", "continued"])
async def test_what_fails_for_some_runs_is_done_in_the_end(step: str, how: str) -> None:
    """For each of trigger, resolve and what stands behind: it fails for three runs, and all is as it should be then."""
    async with served() as sim, provider_for(sim) as provider:
        watch = Watch(sim, provider)
        trouble: dict[str, Any] = {
            "unreachable": {"fault": "told" if step == "told" else "unreachable"},
            "cancelled": {"cancelled": (step, "before")},
            "terminated": {"terminated": (step, "after")},
            "continued": {"fault": "lost", "continued": True},
        }[how]
        for health in ("ok", "ok", "bad"):
            await watch.check(health)
        for _ in range(3):
            await watch.check("bad", **trouble)
        await watch.check("bad")
        opened = [incident.status for incident in sim.incidents()]
        await watch.check("ok")
        for _ in range(3):
            await watch.check("ok", **trouble)
        await watch.check("ok")

        assert (["triggered"], ["resolved"]) == (opened, [incident.status for incident in sim.incidents()])
        assert sim.incidents()[0].created_at > BEGAN


PAGED_UNKNOWN: Final = [("ok", ""), ("ok", ""), ("bad", "told")]
"""A run that pages, and that Temporal ends before it hands that on."""

CLOSED_UNKNOWN: Final = [("ok", ""), ("bad", ""), ("ok", "_clear")]
"""A run that resolves, and that Temporal ends before it hands that on."""


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param([*PAGED_UNKNOWN, ("between", "")], ["triggered"], id="what-is-not-well-is-not-resolved"),
        pytest.param([*PAGED_UNKNOWN, ("between", ""), ("bad", "")], ["triggered"], id="nobody-is-paged-twice"),
        pytest.param([*PAGED_UNKNOWN, ("between", ""), ("ok", "")], ["resolved"], id="what-is-well-is-resolved"),
        pytest.param([*CLOSED_UNKNOWN, ("between", "")], ["resolved"], id="doubt-pages-nobody"),
        pytest.param([*CLOSED_UNKNOWN, ("between", ""), ("bad", "")], ["resolved", "triggered"], id="bad-pages-again"),
        pytest.param(
            [("ok", ""), ("ok", "health"), ("ok", ""), ("ok", "health"), ("ok", ""), *PAGED_UNKNOWN[2:], ("ok", "")],
            ["resolved"],
            id="many-terminated-runs-are-not-usual",
        ),
    ],
)
async def test_behind_a_run_that_handed_nothing_on(checks: list[tuple[Any, str]], expected: list[str]) -> None:
    """Where a run may have opened or closed the incident unknown, only a check that is bad or clear says what to do."""
    async with served() as sim, provider_for(sim) as provider:
        watch = Watch(sim, provider, Edition(raise_after=1, clear_after=1))
        for health, terminated in checks:
            await watch.check(health, terminated=(terminated, "after") if terminated else None)

        assert expected == [incident.status for incident in sim.incidents()]


async def test_a_resolve_of_which_nobody_heard_is_no_open_incident() -> None:
    """PagerDuty resolves and the answer is lost, run after run; when it is bad again, somebody is paged."""
    async with served() as sim, provider_for(sim) as provider:
        watch = Watch(sim, provider, Edition(raise_after=1, clear_after=1))
        await watch.check("bad")
        sim.faults.add(action="status", status=503, path="/v2/enqueue", times=1, after=True)
        sim.faults.add(action="status", status=400, path="/v2/enqueue", times=1)
        failed = await watch.check("ok", keeps_faults=True)

        assert ("failed", "paged") == (failed, await watch.check("bad"))
        assert ["resolved", "triggered"] == [incident.status for incident in sim.incidents()]
