"""Diagnostics when an incident begins, and the figures of a day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.common.diagnostics import Diagnostics, TargetError, gather_diagnostics
from flows.common.metrics import IncidentMetrics, PushError, calculate_metrics, exposition, push_metrics
from resolute_pagerduty.models.account import Metrics
from resolute_pagerduty.models.base import Reference
from resolute_pagerduty.models.incidents import Incident
from tests.flows.test_health_checks import database, says
from tests.flows.town import Town, call_node

DAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def test_every_target_is_probed(town: Town, closed_port: int) -> None:
    """HTTP and TCP targets are probed at once; those that do not answer come first in the summary."""
    async with database(says(b"")) as address:
        away = f"tcp://127.0.0.1:{closed_port}"
        targets = f"{town.url}/health, tcp://{address}\n{town.url}/nowhere {away}"
        found = Diagnostics.model_validate(await call_node(gather_diagnostics, {"targets": targets}))

    assert [True, True, False, False] == [probe.ok for probe in found.probes]
    assert ["200", "takes connections", "404"] == [probe.answer for probe in found.probes[:3]]
    assert "cannot be reached (ConnectionRefusedError)" == found.probes[3].answer
    assert found.summary.startswith("2 of 4 targets do not answer well:\n- FAILED ")


@pytest.mark.usefixtures("short_probes")
async def test_a_target_that_hangs_is_found_out() -> None:
    """A probe waits for so long and no longer."""

    async def hang(reader: Any, writer: Any) -> None:
        await reader.read()
        await reader.read()

    async with database(hang) as address:
        found = await call_node(gather_diagnostics, {"targets": f"http://{address}/"})

    assert "no answer within 0.2 s" == found["probes"][0]["answer"]


async def test_a_note_shows_no_password(town: Town) -> None:
    """What people read names the target without user, password and query."""
    url = town.url.replace("http://", "http://ops:hunter2secret@")

    found = await call_node(gather_diagnostics, {"targets": f"{url}/health?token=abc123secret"})

    assert "secret" not in str(found)


@pytest.mark.parametrize("targets", ["", "db.internal:5432", "tcp://db.internal", "ftp://x/y", "https://a " * 51])
async def test_targets_that_cannot_be_probed_are_a_mistake(targets: str) -> None:
    """The list is refused as a whole, and never probed again."""
    with pytest.raises(TargetError):
        await call_node(gather_diagnostics, {"targets": targets})


def solved(minutes: float, service: str = "Checkout") -> Incident:
    """An incident that took so long."""
    return Incident(
        created_at=DAY, resolved_at=DAY + timedelta(minutes=minutes), service=Reference(id="P1", summary=service)
    )


async def test_a_day_is_summed_up() -> None:
    """MTTR is the mean of the incidents' times, MTTA what PagerDuty's figures say, and services are counted."""
    incidents = [solved(10), solved(20), solved(90, "Search")]
    arguments = {
        "incidents": [incident.model_dump(mode="json") for incident in incidents],
        "figures": [Metrics(mean_seconds_to_first_ack=75.5).model_dump(mode="json")],
    }

    found = IncidentMetrics.model_validate(await call_node(calculate_metrics, arguments))

    assert (3, 75.5, 2400.0, 5400.0) == (found.count, found.mtta_seconds, found.mttr_seconds, found.longest_seconds)
    assert found.summary.splitlines() == [
        "3 incidents resolved. MTTA 1m 16s, MTTR 40m 0s, longest 1h 30m.",
        "- Checkout: 2",
        "- Search: 1",
    ]


async def test_a_quiet_day_has_no_means() -> None:
    """No incident is no zero."""
    found = IncidentMetrics.model_validate(await call_node(calculate_metrics, {"incidents": []}))

    assert (0, None, None) == (found.count, found.mtta_seconds, found.mttr_seconds)
    assert "0 incidents resolved. MTTA unknown, MTTR unknown, longest unknown." == found.summary


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1))
def test_the_mean_lies_between_the_extremes(minutes: list[float]) -> None:
    """MTTR is never below the shortest nor above the longest incident."""
    found = calculate_metrics.__wrapped__([solved(each) for each in minutes])

    assert min(minutes) * 60 - 1 <= found.mttr_seconds <= found.longest_seconds + 1


@given(st.dictionaries(st.text(), st.integers(min_value=0)))
def test_any_service_name_is_exposed_in_one_line(services: dict[str, int]) -> None:
    """Quotes, backslashes and line breaks in names do not break the figures."""
    metrics = IncidentMetrics(
        count=1, mtta_seconds=None, mttr_seconds=1, longest_seconds=1, by_service=services, summary=""
    )
    lines = exposition(metrics).split("\n")

    assert len(services) == sum(line.startswith("incidents_resolved{") for line in lines)


async def test_figures_reach_the_gateway(town: Town) -> None:
    """They are put there as Prometheus reads them."""
    metrics = calculate_metrics.__wrapped__([solved(10)]).model_dump(mode="json")

    await call_node(push_metrics, {"metrics": metrics, "gateway_url": f"{town.url}/"})

    assert 'incidents_resolved{service="Checkout"} 1' in town.pushed[0]
    assert "incident_mttr_seconds 600.0" in town.pushed[0]


async def test_a_gateway_that_is_away_is_tried_again(closed_port: int) -> None:
    """Nobody at the door is trouble that passes."""
    metrics = calculate_metrics.__wrapped__([]).model_dump(mode="json")

    with pytest.raises(PushError):
        await call_node(push_metrics, {"metrics": metrics, "gateway_url": f"http://127.0.0.1:{closed_port}"})
