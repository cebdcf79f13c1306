"""The flow makes a replica the primary once a person has approved it, and undoes it if it goes wrong."""

from typing import Any

from flows.common.health import Health
from flows.failover import PATIENCE, failover
from resolute import TerminalError
from resolute.testing import FlowTester

ENVIRONMENT = {
    "PATRONI_URL": "http://db-1.example:8008",
    "PATRONI_USERNAME": "resolute",
    "DATABASE_ADDRESS": "db.example:5432",
    "ESCALATION_POLICY": "PT20YPA",
    "SLACK_CHANNEL": "#ops",
}
ASKED = {"candidate": "db-2", "reason": "db-1 gets a new disk"}
ONCALLS = [{"user": {"id": "P1", "name": "Ada Moreno", "email": "ada@example.com"}, "escalation_level": 1}]


def cluster(flow_tester: type[FlowTester]) -> FlowTester:
    """A tester whose replica can take over, and works afterwards."""
    tester = flow_tester(failover, env=ENVIRONMENT)
    tester.answer("handover", {"leader": "db-1", "candidate": "db-2", "lag": 0})
    tester.answer("oncall", {"oncalls": ONCALLS})
    tester.answer("promoted", "db-2")
    tester.answer("moved_back", "db-1")
    tester.answer("primary", {"name": "db-2", "role": "leader", "state": "running"})
    tester.answer("health", Health(status="healthy", message="takes connections", component="db"))
    for node in ("slack.Ask", "slack.PostMessage"):
        tester.answer(node, {"channel": "C0OPS", "ts": "1.0", "thread_ts": "1.0"})
    return tester


def posted(run: Any) -> list[str]:
    """What the channel has read."""
    return [str(call.arguments["text"]) for call in (*run.calls_of("slack.Ask"), *run.calls_of("slack.PostMessage"))]


async def test_an_approval_moves_the_primary(flow_tester: type[FlowTester]) -> None:
    """The channel reads the question with its reason; once it is approved, the replica is the primary."""
    tester = cluster(flow_tester)
    tester.decides("approve", approved=True, by="ada@example.com")

    run = await tester.run(ASKED)
    (call,) = run.calls_of("promoted")

    assert "db-2" == run.result
    assert ("db-1", "db-2") == (call.arguments["leader"], call.arguments["candidate"])
    assert posted(run)[0].startswith("Make db-2 the primary in place of db-1? It is 0 bytes behind.")
    assert "db-2 is the primary now. Reason: db-1 gets a new disk" == posted(run)[-1]
    assert not run.ran("moved_back")


async def test_a_rejection_leaves_everything_as_it_was(flow_tester: type[FlowTester]) -> None:
    """Whether somebody says no or nobody answers within 30 minutes: nothing is moved, and the channel reads why."""
    for answered in (True, False):
        tester = cluster(flow_tester)
        if answered:
            tester.decides("approve", approved=False, by="ada@example.com", reason="the backup is running")
        began = tester.clock.now()

        run = await tester.run(ASKED)

        assert ("failed", "approve") == (run.status, run.failure.step if run.failure else None)
        assert not run.ran("promoted")
        assert posted(run)[-1].startswith("failover: step approve failed:")
        assert answered or PATIENCE <= tester.clock.now() - began
        assert ("the backup is running" in posted(run)[-1]) == answered


async def test_a_primary_that_does_not_work_is_undone(flow_tester: type[FlowTester]) -> None:
    """Where the new primary is not there, or takes no connections, the old one gets its role back."""
    for step in ("primary", "health"):
        tester = cluster(flow_tester)
        tester.decides("approve", approved=True, by="ada@example.com")
        if step == "primary":
            tester.fails("primary", TerminalError("db-2 is not the working primary"))
        else:
            tester.answer("health", Health(status="critical", message="refuses connections", component="db"))

        run = await tester.run(ASKED)
        (back,) = run.calls_of("moved_back")

        assert "failed" == run.status
        assert ("moved_back",) == run.undone
        assert ("db-2", "db-1") == (back.arguments["leader"], back.arguments["candidate"])
