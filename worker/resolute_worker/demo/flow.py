"""The demo's flow: it checks a service, opens an incident, says who is on call, and resolves it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import httpx
from pydantic import BaseModel

import resolute_pagerduty as pagerduty
from resolute import NodeError, SecretText, env, every, flow, node, previous, secret
from resolute_pagerduty import OnCall

DEDUP_KEY: Final = "system-health"


class Health(BaseModel):
    """What the service reports about itself."""

    status: str
    message: str
    component: str
    metrics: dict[str, float] = {}


@node(timeout=timedelta(seconds=5), effect="read")
async def check_system_health(url: str) -> Health:
    """Asks the service for its health."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    return Health.model_validate(answer.json())


@node(timeout=timedelta(seconds=10))
async def notify_on_call(oncalls: Sequence[OnCall], message: str, webhook_url: SecretText) -> str:
    """Tells the channel what happened and who is on call."""
    names = ", ".join(f"{oncall.user.summary} (level {oncall.escalation_level})" for oncall in oncalls)
    text = f"{message}. On call: {names}"
    async with httpx.AsyncClient() as client:
        answer = await client.post(webhook_url, json={"text": text})
    if answer.is_error:
        raise NodeError(f"the channel answers {answer.status_code}")
    return text


@node(lane="local", effect="pure")
def remember(status: str) -> str:
    """Keeps the status for the next run."""
    return status


health = check_system_health(env("HEALTH_URL")).as_("health")
known = remember(health.output.status).as_("known")
oncall = pagerduty.get_on_calls(escalation_policy_ids=[env("ESCALATION_POLICY")]).as_("oncall")

smart_alerting = (
    flow("smart-alerting", description="Opens an incident while a service is critical, and resolves it afterwards")
    .triggered_by(every(timedelta(seconds=1)))
    .then(health)
    .when((health.output.status == "healthy") & (previous(known.output) == "critical"))
        .then(pagerduty.resolve_event(routing_key=secret("PAGERDUTY_ROUTING_KEY"), dedup_key=DEDUP_KEY))
    .end_when()
    .then(known)  # after resolving, before paging: whichever step fails, an open incident is resolved in the end
    .when(health.output.status == "critical")
        .then(pagerduty.trigger_event(
            routing_key=secret("PAGERDUTY_ROUTING_KEY"),
            summary=health.output.message,
            source="health-monitor",
            severity="critical",
            dedup_key=DEDUP_KEY,
            component=health.output.component,
            custom_details={"metrics": health.output.metrics},
        ))
        .then(oncall)
        .then(notify_on_call(oncall.output.oncalls, health.output.message, secret("SLACK_WEBHOOK_URL")))
    .end_when()
    .build()
)  # fmt: skip
