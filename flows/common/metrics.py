"""Figures about incidents: how many, how long until they were acknowledged, how long until they were resolved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict

from resolute import NodeError, Retry, TerminalError, node
from resolute_pagerduty import Incident, Metrics

TIMEOUT: Final = 10.0


class IncidentMetrics(BaseModel):
    """Figures about incidents that were resolved. Times are means in seconds; null where there is nothing to measure.

    `summary` says the same in words.
    """

    model_config = ConfigDict(frozen=True)

    count: int
    mtta_seconds: float | None
    mttr_seconds: float | None
    longest_seconds: float | None
    by_service: dict[str, int]
    summary: str


class PushError(NodeError):
    """The Pushgateway did not accept the figures, but may accept them later."""


class PushRefusedError(TerminalError):
    """The Pushgateway rejects the figures."""


@node(effect="pure")
def calculate_metrics(incidents: Sequence[Incident], figures: Sequence[Metrics] = ()) -> IncidentMetrics:
    """Computes MTTR from incidents, and takes MTTA from PagerDuty's analytics for the same period.

    A resolved incident no longer says when it was acknowledged, so MTTA is what `get_incident_metrics` says.

    >>> from datetime import UTC, datetime
    >>> day = datetime(2026, 3, 2, tzinfo=UTC)
    >>> solved = Incident(created_at=day, resolved_at=day + timedelta(minutes=30))
    >>> calculate_metrics.__wrapped__([solved], [Metrics(mean_seconds_to_first_ack=90)]).summary
    '1 incident resolved. MTTA 1m 30s, MTTR 30m 0s, longest 30m 0s.'
    """
    times = [
        (incident.resolved_at - incident.created_at).total_seconds()
        for incident in incidents
        if incident.resolved_at and incident.created_at
    ]
    mtta = next((found.mean_seconds_to_first_ack for found in figures), None)
    mttr, longest = (sum(times) / len(times), max(times)) if times else (None, None)
    services = Counter(incident.service.summary or incident.service.id for incident in incidents)
    by_service = {name: count for name, count in services.most_common() if name}
    count = len(incidents)
    lines = [
        f"{count} incident{'' if count == 1 else 's'} resolved. "
        f"MTTA {_spoken(mtta)}, MTTR {_spoken(mttr)}, longest {_spoken(longest)}.",
        *(f"- {name}: {number}" for name, number in by_service.items()),
    ]
    return IncidentMetrics(
        count=count,
        mtta_seconds=mtta,
        mttr_seconds=mttr,
        longest_seconds=longest,
        by_service=by_service,
        summary="\n".join(lines),
    )


def _spoken(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {rest}s" if minutes else f"{rest}s"


@node(timeout=timedelta(seconds=30), retry=Retry(attempts=8, initial=1, maximum=60))
async def push_metrics(metrics: IncidentMetrics, gateway_url: str) -> str:
    """Pushes the figures to a Prometheus Pushgateway, where they replace the last ones; repeating it is safe.

    Args:
        metrics: the figures.
        gateway_url: such as `http://pushgateway.internal:9091`.

    Raises:
        PushRefusedError: the gateway refuses them.

    Source: https://github.com/prometheus/pushgateway
    """
    body = exposition(metrics)
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            answer = await client.put(f"{gateway_url.rstrip('/')}/metrics/job/incident_metrics", content=body)
    except httpx.TransportError as error:
        raise PushError(f"the Pushgateway cannot be reached ({type(error).__name__})") from None
    if answer.is_server_error:
        raise PushError(f"the Pushgateway answers {answer.status_code}")
    if not answer.is_success:
        raise PushRefusedError(f"the Pushgateway answers {answer.status_code}: {answer.text[:200]}")
    return body


def exposition(metrics: IncidentMetrics) -> str:
    """The figures as Prometheus reads them."""
    lines = [
        *_family("incidents_resolved", "Incidents that were resolved, by service.", metrics.by_service),
        *_gauge("incident_mtta_seconds", "Mean time until somebody acknowledged.", metrics.mtta_seconds),
        *_gauge("incident_mttr_seconds", "Mean time until it was resolved.", metrics.mttr_seconds),
        *_gauge("incident_longest_seconds", "The longest time until one was resolved.", metrics.longest_seconds),
    ]
    return "\n".join(lines) + "\n"


def _gauge(name: str, words: str, value: float | None) -> list[str]:
    return [] if value is None else [f"# HELP {name} {words}", f"# TYPE {name} gauge", f"{name} {value}"]


def _family(name: str, words: str, values: Mapping[str, int]) -> list[str]:
    lines = [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
    for label, value in values.items():
        escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        lines.append(f'{name}{{service="{escaped}"}} {value}')
    return lines if values else []
