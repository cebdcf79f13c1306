"""What a flow does when it fails itself: a monitor that cannot see must say so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import resolute_pagerduty as pagerduty
from flows.common.channel import post
from resolute import Node, failure, secret, text

SOON = timedelta(minutes=2)
"""How long a notification may take: while a run hangs, its schedule starts no other run."""


def say_so(flow: str) -> Node[Any]:
    """Tells the channel that a run has failed, and at which step."""
    message = text("{}: step {} failed: {}", flow, failure().step, failure().message)
    return post(message).timeout(within=SOON)


def page(flow: str) -> Node[Any]:
    """Opens one warning in PagerDuty, no matter how often the flow fails; it stays until a person closes it."""
    return pagerduty.trigger_event(
        routing_key=secret("PAGERDUTY_ROUTING_KEY"),
        summary=text("The flow {} fails at step {}: {}", flow, failure().step, failure().message),
        source=flow,
        severity="warning",
        dedup_key=f"{flow}-fails",
        truncate=True,
    ).timeout(within=SOON)
