"""An async node that blocks its event loop: the log names it, and everything else goes on."""

import json
from pathlib import Path
from uuid import uuid4

import httpx

from resolute_worker.embedded import EmbeddedServer
from tests.keys import KEY
from tests.patience import PATIENCE
from tests.worker.processes import resolute, started

FLOWS = """
import time
from datetime import timedelta
from pathlib import Path
from resolute import flow, manual, node, unverified, webhook

def look(gate: Path) -> None:
    while not gate.exists():
        time.sleep(0.02)

@node(timeout=timedelta(minutes=5))
async def block() -> str:
    look(Path("gate"))
    return "done"

@node
def answer() -> str:
    return "here"

blocking = flow("blocking").triggered_by(manual("go")).then(block().as_("stuck")).build()
hooked = (
    flow("hooked")
    .triggered_by(webhook("/hook", verify=unverified()))
    .then(answer().as_("answer"))
    .build()
)
by_hand = flow("by-hand").triggered_by(manual("go")).then(answer().as_("answer")).build()
"""


async def test_a_node_that_blocks_is_named_and_holds_up_nobody_else(tmp_path: Path, server: EmbeddedServer) -> None:
    """While an async node blocks, the log shows its step and line, and livez, webhooks and other runs go on."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "blocking.py").write_text(FLOWS)
    place = {
        "TEMPORAL_ADDRESS": server.address,
        "RESOLUTE_TASK_QUEUE": uuid4().hex,
        "RESOLUTE_HTTP_PORT": "0",
        "RESOLUTE_PLAN_KEYS": KEY,
        "RESOLUTE_LOG_FORMAT": "json",
    }
    async with started("worker", folder=tmp_path, **place) as worker, httpx.AsyncClient(timeout=PATIENCE) as http:
        url = await worker.url()
        _, printed, _ = await resolute("run", "blocking", "--no-wait", "--json", folder=tmp_path, **place)
        blocked = json.loads(printed)["run"]
        said = json.loads(await worker.line("blocks the event loop", '"stuck"'))
        alive = await http.get(f"{url}/livez")
        hooked = await http.post(f"{url}/hook", json={})
        code, _, errors = await resolute("run", "by-hand", folder=tmp_path, **place)
        await worker.line(f'"run": "{hooked.json()["flows"][0]["run"]}", "outcome": "completed"')
        (tmp_path / "gate").touch()
        end = json.loads(await worker.line("the event loop nodes-async continues"))
        await worker.line(f'"run": "{blocked}", "outcome": "completed"')

    whose = {"flow": "blocking", "run": blocked, "step": "stuck", "attempt": 1}
    assert whose == {name: said[name] for name in whose}
    assert 'in block\n    look(Path("gate"))' in said["trace"]
    assert "in look" in said["trace"]
    assert (200, 202, 0) == (alive.status_code, hooked.status_code, code), errors
    assert "info" == end["level"]
