"""What Slack's provider may do, what is written down of it, and how much of it at a time."""

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import resolute_slack as slack
from resolute.plan.context import CallContext, enter_call
from resolute.plan.errors import AuditError, ConfigurationError, DryRunError, NotGrantedError
from resolute.providing.audit import AuditEntry, read_audit
from resolute_slack import Slack
from resolute_slack.errors import NotFoundError, UnreachableError
from resolute_slack.http.methods import BY_EMAIL, POST
from resolute_slack.nodes import FACTORIES
from resolute_slack.simulator import Simulator
from resolute_slack.testing import simulated_config
from resolute_slack.workspace import QUEUE
from tests.providers.slack.harness import Bench

ADA = "ada@example.com"


@asynccontextmanager
async def bench(sim: Simulator, path: Path, **options: Any) -> AsyncGenerator[Bench]:
    async with Slack(simulated_config(sim), audit_log=path, **options) as provider:
        yield Bench(sim, provider)


def log(path: Path) -> list[AuditEntry]:
    return list(read_audit(path))


async def test_every_request_is_in_the_log(sim: Simulator, tmp_path: Path) -> None:
    """By which step it was sent and what came of it; never what the message says, and no token."""
    path = tmp_path / "audit.jsonl"
    async with bench(sim, path) as at:
        await at.run(slack.post_message, channel="#ops", text="the disk is full")
        await at.run(slack.message_person, email=ADA, text="the disk is full")
        with pytest.raises(NotFoundError):
            await at.run(slack.find_person, email="nobody@example.com")

    found = log(path)
    assert [
        ("chat.postMessage", "/chat.postMessage #ops", "done", None),
        ("users.lookupByEmail", f"/users.lookupByEmail {ADA}", "done", None),
        ("chat.postMessage", f"/chat.postMessage {sim.messages(ADA)[0].channel}", "done", None),
        ("users.lookupByEmail", "/users.lookupByEmail nobody@example.com", "failed", "NotFoundError"),
    ] == [(each.operation, each.resource, each.outcome, each.error) for each in found if "open" not in each.operation]
    assert {("slack", "flow", "run", "step", 1)} == {
        (each.account, each.flow, each.run, each.step, each.attempt) for each in found
    }
    for secret in ("disk", sim.world.bot_token):
        assert secret not in path.read_text()


async def test_a_lost_answer_is_unknown(sim: Simulator, tmp_path: Path) -> None:
    """A post whose answer was lost may have been carried out: the log does not say that it failed."""
    path = tmp_path / "audit.jsonl"
    sim.faults.add(action="reset", path="/api/chat.postMessage", after=True)
    async with bench(sim, path) as at:
        with pytest.raises(UnreachableError):
            await at.run(slack.post_message, channel="#ops", text="x")

    assert [("unknown", "UnreachableError")] == [(each.outcome, each.error) for each in log(path)]


async def test_without_a_log_nothing_is_sent(sim: Simulator, tmp_path: Path) -> None:
    """Where the log cannot be written the step is tried again later, and Slack is told nothing."""
    path = tmp_path / "audit.jsonl"
    async with bench(sim, path) as at:
        path.unlink()
        path.mkdir()
        with pytest.raises(AuditError, match="SLACK_AUDIT_LOG"):
            await at.run(slack.post_message, channel="#ops", text="x")

    assert [] == sim.messages("#ops")


async def test_grants_limit_nodes_and_requests(sim: Simulator, tmp_path: Path) -> None:
    """A node without its grant is refused, and so is a request of one that would get past that; both are written."""
    path = tmp_path / "audit.jsonl"
    async with bench(sim, path, grants=["people:read"]) as at:
        refused = [node.name for node in Slack.nodes() if at.provider.refusal(node)]
        with pytest.raises(NotGrantedError, match="messages:write"):
            await at.run(slack.post_message, channel="#ops", text="x")
        with pytest.raises(NotGrantedError, match="nothing was sent"):
            await at.provider.call(POST, channel="#ops", text="x")
        await at.provider.call(BY_EMAIL, email=ADA)

    assert sorted(node.name for node in Slack.nodes() if node.name != "slack.FindPerson") == sorted(refused)
    assert [("refused", "NotGrantedError")] * 2 == [
        (each.outcome, each.error) for each in log(path) if each.operation != BY_EMAIL.name
    ]
    assert [] == sim.messages("#ops")


@pytest.mark.parametrize(
    ("environment", "grants"),
    [({}, "everything"), ({"SLACK_GRANTS": ""}, "nothing"), ({"SLACK_READ_ONLY": "true"}, "*:read")],
)
def test_the_environment_grants(
    environment: dict[str, str], grants: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`SLACK_GRANTS` and `SLACK_READ_ONLY` limit the provider; set but empty, it may do nothing."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert grants == str(Slack.from_env().grants)


def test_a_grant_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error in a grant is told, with what was meant."""
    monkeypatch.setenv("SLACK_GRANTS", "mesages:write")
    with pytest.raises(ConfigurationError, match="did you mean 'messages'"):
        Slack.from_env()


async def test_a_dry_run_is_in_the_log(sim: Simulator, tmp_path: Path) -> None:
    """A write that a dry run holds back is written down as refused."""
    path = tmp_path / "audit.jsonl"
    async with bench(sim, path) as at:
        enter_call(
            CallContext(
                flow="flow",
                run_id="run",
                step="step",
                node="slack.PostMessage",
                attempt=1,
                dry=True,
                deadline=monotonic() + 60,
                last_deadline=math.inf,
            )
        )
        with pytest.raises(DryRunError):
            await at.provider.call(POST, channel="#ops", text="x")

    assert [("refused", "DryRunError")] == [(each.outcome, each.error) for each in log(path)]


def test_what_posts_leaves_word_of_it() -> None:
    """Whatever posts a message needs its heartbeat to post it once: so build() keeps it out of the local lane."""
    posting = {each.definition.name for each in FACTORIES if "/chat.postMessage" in each.definition.facts["operation"]}

    assert {"slack.Ask", "slack.PostMessage", "slack.Reply", "slack.MessagePerson", "slack.MessagePeople"} == posting
    assert posting == {each.definition.name for each in FACTORIES if each.definition.leaves_word}


def test_nodes_share_a_queue(sim: Simulator) -> None:
    """All nodes start by one rate, which all workers share, and which is that of the workspace."""
    provider = Slack(simulated_config(sim).model_copy(update={"requests_per_minute": 120}))

    assert {QUEUE: 2.0} == dict(provider.queues())
    assert {QUEUE} == {factory.definition.queue for factory in FACTORIES}
