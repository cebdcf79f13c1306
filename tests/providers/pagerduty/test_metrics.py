"""Figures about incidents: what is not known is not a number."""

from datetime import timedelta

import pytest

import resolute_pagerduty as pagerduty
from resolute_pagerduty.models.account import Metrics
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench


async def test_a_mean_of_nothing_is_null(bench: Bench) -> None:
    """An incident that nobody took and nobody solved has no MTTA and no MTTR, of all, a service and a team."""
    now = bench.sim.clock.now()
    bench.sim.add_incident("Slow", WORLD.service, created_at=now - timedelta(hours=1))

    for node in (pagerduty.get_incident_metrics, pagerduty.get_service_metrics, pagerduty.get_team_metrics):
        (figures,) = (await bench.run(node, since=now - timedelta(days=1))).data

        assert (1, None, None) == (
            figures.total_incident_count, figures.mean_seconds_to_first_ack, figures.mean_seconds_to_resolve,
        )  # fmt: skip


async def test_what_was_taken_and_not_solved_has_one_of_both(bench: Bench) -> None:
    """The mean of what there is stays a number."""
    now = bench.sim.clock.now()
    begun = now - timedelta(hours=1)
    bench.sim.add_incident("Slow", WORLD.service, created_at=begun, acknowledged_at=begun + timedelta(minutes=2))

    (figures,) = (await bench.run(pagerduty.get_incident_metrics, since=now - timedelta(days=1))).data

    assert (120, None) == (figures.mean_seconds_to_first_ack, figures.mean_seconds_to_resolve)


@pytest.mark.parametrize(("acknowledged", "told"), [(3, 0.0), (0, None), (None, None)])
def test_an_acknowledgement_within_the_second_counts(acknowledged: int | None, told: float | None) -> None:
    """Zero seconds is a time where something was acknowledged; and reading a result again changes nothing."""
    figures = Metrics.model_validate(
        {"mean_seconds_to_first_ack": 0, "total_incidents_acknowledged": acknowledged, "mean_seconds_to_resolve": 0}
    )

    assert (told, None) == (figures.mean_seconds_to_first_ack, figures.mean_seconds_to_resolve)
    assert figures == Metrics.model_validate(figures.model_dump())
