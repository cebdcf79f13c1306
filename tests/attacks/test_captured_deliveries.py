"""Whoever captures a signed delivery can make nothing more of it."""

import hashlib
import hmac
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client

import resolute_pagerduty as pagerduty
from resolute import FlowBuildError, by_header, flow, hmac_sha256, node, secret, webhook
from resolute.execution.secrets import Environment
from resolute_pagerduty.webhooks import SIGNATURE_HEADER, sign
from resolute_worker.deploying import Load
from resolute_worker.process import running
from resolute_worker.settings import Settings
from tests.patience import PATIENCE

SECRET = "signing-secret-value"
EVENT = b'{"event":{"id":"01E","event_type":"incident.triggered","data":{"id":"PT4KHLK","type":"incident"}}}'


@node
async def note() -> str:
    return "noted"


async def test_a_captured_delivery_under_another_name_starts_nothing(temporal_client: Client) -> None:
    """A signature of the body says nothing of the headers, so no header can make another delivery of it."""
    signed = hmac_sha256(secret("SECRET"), header="X-Signature")
    triggers = [
        webhook("/signed", verify=signed),
        pagerduty.webhook("/pagerduty", secret=secret("SECRET")),
    ]
    started = flow(f"captured-{uuid4().hex[:8]}").triggered_by(*triggers).then(note()).build()
    load = Load(flows=[started], released=datetime(2026, 1, 1, tzinfo=UTC))
    settings = Settings(task_queue=uuid4().hex, http_port=0, shutdown_seconds=1)
    proof = {
        "X-Signature": hmac.new(SECRET.encode(), EVENT, hashlib.sha256).hexdigest(),
        SIGNATURE_HEADER: sign(EVENT, SECRET),
    }
    async with (
        running(
            load,
            settings=settings,
            providers=[pagerduty.PagerDuty(pagerduty.PagerDutyConfig())],
            environment=Environment({"SECRET": SECRET}),
            client=temporal_client,
        ) as worker,
        httpx.AsyncClient(base_url=worker.http.url, timeout=PATIENCE) as http,
    ):
        answers = [
            (await http.post(path, content=EVENT, headers={**proof, "X-Webhook-Id": name})).status_code
            for path in ("/signed", "/pagerduty")
            for name in ("one", "another")
        ]

    assert [202, 200, 202, 200] == answers


def test_a_header_that_is_not_signed_cannot_name_a_signed_delivery() -> None:
    """`build()` says so, and what to use instead."""
    signed = hmac_sha256(secret("SECRET"), header="X-Signature")
    trigger = webhook("/signed", verify=signed, once=by_header("X-Delivery"))

    with pytest.raises(FlowBuildError, match=r"X-Delivery.*does not sign.*by_field"):
        flow("captured").triggered_by(trigger).then(note()).build()
