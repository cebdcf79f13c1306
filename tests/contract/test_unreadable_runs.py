"""A run whose values cannot be read here is listed with the others."""

import asyncio
import logging
import uuid

import pytest
from temporalio.client import Client

from resolute.temporal.history.runs import list_runs
from resolute.temporal.wire.start import STARTED_BY
from tests.keys import encrypting
from tests.patience import PATIENCE


async def test_one_run_of_another_key_hides_no_other(temporal_client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Beside it the others are shown with all that is known of them; the log names the key that is missing."""
    key = uuid.uuid4().hex[:8]
    flow, private = f"listed-{key}", encrypting(temporal_client, f"{key}:" + 32 * "5a")
    for client, name in ((private, "private"), (temporal_client, "open")):
        await client.start_workflow(flow, id=f"{flow}-{name}", task_queue="nobody", memo={STARTED_BY: "ada"})
    async with asyncio.timeout(PATIENCE):
        with caplog.at_level(logging.WARNING):
            while len(listed := await list_runs(temporal_client, flows=[flow])) < 2:
                await asyncio.sleep(0.05)  # Temporal's list lags behind, and announces nothing
    read = await list_runs(private, flows=[flow])

    assert {f"{flow}-private": "", f"{flow}-open": "ada"} == {run.workflow_id: run.started_by for run in listed}
    assert {"ada"} == {run.started_by for run in read}
    assert f"{key!r}, which is not in RESOLUTE_PAYLOAD_KEYS" in caplog.text
