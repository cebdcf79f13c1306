"""One rate limit for all workers: kept by Temporal's server, not by each process for itself."""

import asyncio
import runpy
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from temporalio.client import Client

from resolute.providing.audit import read_audit
from resolute.temporal.client.client import start_run
from resolute.writing.flow import Flow
from resolute_pagerduty.simulator import Limits, Simulator
from tests.worker.processes import started

PER_MINUTE: Final = 600
RUNS: Final = 100
READS: Final = 10
LONGEST: Final = 240
LONGEST_PAUSE: Final = 5

FLOW: Final = f"""
import resolute_pagerduty as pagerduty
from resolute import flow, input_data, manual

reads = (
    flow("reads")
    .triggered_by(manual("read"))
    .then_parallel(*(pagerduty.get_incident(id=input_data("incident")).as_(f"read_{{n}}") for n in range({READS})))
    .build()
)
"""

pytestmark = pytest.mark.soak


def audited(log: Path) -> int:
    """How many requests of a worker were answered, by its audit log, which has a line before and one after each."""
    return sum(entry.status is not None for entry in read_audit(log))


async def test_two_workers_share_one_rate_limit(tmp_path: Path) -> None:
    """1,000 requests go through 600 per minute: none is lost, hardly one meets the limit, and they never stop."""
    (tmp_path / "flows").mkdir()
    source = tmp_path / "flows" / "reads.py"
    source.write_text(FLOW)
    reads: Flow = runpy.run_path(str(source))["reads"]
    logs = [tmp_path / f"audit-{number}.jsonl" for number in range(2)]
    limits = Limits(PER_MINUTE, post_incidents=None, put_incidents=None, get_oncalls=None, events=None)
    async with Simulator.serve(limits=limits) as sim:
        incident = sim.add_incident("Disk full", sim.world.service)
        variables = {
            "PAGERDUTY_API_URL": sim.url,
            "PAGERDUTY_API_KEY": sim.world.account_key,
            "PAGERDUTY_REQUESTS_PER_MINUTE": str(PER_MINUTE),
            "RESOLUTE_HTTP_PORT": "0",
            "RESOLUTE_EMBEDDED_PORT": "0",
        }
        first = started("worker", "--embedded", folder=tmp_path, PAGERDUTY_AUDIT_LOG=str(logs[0]), **variables)
        async with first as worker:
            address = await worker.temporal()
            beside = {**variables, "PAGERDUTY_AUDIT_LOG": str(logs[1]), "TEMPORAL_ADDRESS": address}
            async with started("worker", folder=tmp_path, **beside) as other:
                await asyncio.gather(worker.url(), other.url())
                client = await Client.connect(address)
                runs = [
                    await start_run(client, reads.plan, task_queue="resolute", input_data={"incident": incident.id})
                    for _ in range(RUNS)
                ]
                async with asyncio.timeout(LONGEST):
                    results = await asyncio.gather(*(run.result() for run in runs))
    statuses = Counter(request.status for request in sim.requests)
    pauses = [(after.at - before.at).total_seconds() for before, after in pairwise(sim.requests)]

    assert [{f"read_{number}" for number in range(READS)}] * RUNS == [
        set(result) for result in results if isinstance(result, dict)
    ]
    assert RUNS * READS == statuses[200]
    assert {200, 429} >= set(statuses)
    assert statuses[429] < 0.02 * RUNS * READS, f"{statuses[429]} met the limit"
    assert max(pauses) < LONGEST_PAUSE, "the limit was used up, and everybody waited for the next minute"
    sent = [audited(log) for log in logs]
    assert len(sim.requests) == sum(sent)
    assert all(sent), f"one of the workers did nothing: {sent}"
