"""What is posted once, however the network and Slack behave: the own message is looked for before it is sent again."""

import asyncio
from datetime import timedelta
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

import resolute_slack as slack
from resolute.plan.errors import BrakedError, NodeError
from resolute_slack import Slack, errors
from resolute_slack.http import client
from resolute_slack.simulator import Simulator
from resolute_slack.testing import simulated_config
from tests.patience import PATIENCE
from tests.providers.slack.harness import Bench

POST = "/api/chat.postMessage"

LOST: list[dict[str, Any]] = [
    {"action": "status", "status": 503, "after": True},
    {"action": "status", "status": 500, "after": True},
    {"action": "reset", "after": True},
]
"""What may happen to a request that Slack has carried out."""


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: str(fault.get("status", "reset")))
@pytest.mark.parametrize("node", ["post", "reply", "person", "people"])
async def test_a_message_whose_answer_is_lost_is_posted_once(bench: Bench, node: str, fault: dict[str, Any]) -> None:
    """An attempt after a lost answer finds the message by its metadata, and posts no second one."""
    first = await bench.run(slack.post_message, step="first", channel="#ops", text="Checkout is down")
    bench.beats.clear()
    bench.sim.faults.add(path=POST, **fault)
    people = {"emails": ["ada@example.com", "grace@example.com"], "text": "x"}
    ways: dict[str, tuple[Any, dict[str, Any]]] = {
        "post": (slack.post_message, {"channel": "#ops", "text": "x"}),
        "reply": (slack.reply, {"channel": "#ops", "thread_ts": first.ts, "text": "x"}),
        "person": (slack.message_person, {"email": "ada@example.com", "text": "x"}),
        "people": (slack.message_people, people),
    }
    factory, given = ways[node]

    output = await bench.insist(factory, **given)

    assert 1 == len(bench.errors)
    assert ["x"] * (2 if node == "people" else 1) == [each.text for each in bench.sim.messages()[1:]]
    if node != "people":
        assert (bench.sim.messages()[1].ts, False) == (output.ts, output.maybe_twice)


async def test_a_message_that_hangs_is_posted_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that never comes is not waited for longer than the attempt has, and its message is found."""
    bench.sim.faults.add(path=POST, action="hang", after=True)
    limits, waits = list[float](), list[asyncio.Timeout]()

    def timeout(seconds: float) -> asyncio.Timeout:
        limits.append(seconds)
        waits.append(asyncio.timeout(PATIENCE))
        return waits[-1]

    monkeypatch.setattr(client, "asyncio", SimpleNamespace(timeout=timeout))
    posting = asyncio.ensure_future(bench.insist(slack.post_message, within=10, channel="#ops", text="x"))
    await bench.sim.until(lambda: any(each.fault == "hang" for each in bench.sim.requests), PATIENCE)
    waits[-1].reschedule(asyncio.get_running_loop().time())  # it has come: the time is up, however long that took
    waited = limits[-1]
    await posting

    assert waited <= 8
    (lost,) = bench.errors
    assert isinstance(lost, errors.UnreachableError)
    assert lost.sent
    assert 1 == len(bench.sim.messages())


async def test_a_message_that_was_not_posted_is_posted(bench: Bench) -> None:
    """After a lost request that Slack did not carry out, the next attempt posts."""
    bench.sim.faults.add(path=POST, action="reset")

    await bench.insist(slack.post_message, channel="#ops", text="x")

    assert 1 == len(bench.sim.messages())


async def test_a_refusal_needs_no_look(bench: Bench) -> None:
    """After a 429 nothing has been posted, and nothing is looked for."""
    bench.sim.faults.add(path=POST, action="rate_limit")

    await bench.insist(slack.post_message, channel="#ops", text="x")

    assert 1 == len(bench.sim.messages())
    assert [] == bench.sent("conversations.history")


async def test_a_worker_that_died_behind_its_post_is_taken_up(bench: Bench) -> None:
    """A worker that was killed after the answer came and before its result was recorded: one message."""
    posted = await bench.run(slack.post_message, channel="#ops", text="x")

    again = await bench.run(slack.post_message, attempt=2, channel="#ops", text="x")

    assert posted.ts == again.ts
    assert 1 == len(bench.sim.messages())


async def test_a_worker_that_died_while_it_was_sending_is_waited_for(sim: Simulator) -> None:
    """Slack may still be at work on what a killed worker sent: the next attempt asks for a pause, and then looks."""
    async with Slack(simulated_config(sim).model_copy(update={"settle_seconds": 30.0})) as provider:
        bench = Bench(sim, provider)
        bench.sim.faults.add(path=POST, action="hang", after=True)
        dying = asyncio.create_task(bench.run(slack.post_message, channel="#ops", text="x"))
        await sim.until(lambda: bench.sim.state.messages, PATIENCE)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)

        with pytest.raises(errors.UnsettledError) as failed:
            await bench.run(slack.post_message, attempt=2, channel="#ops", text="x")
        await bench.run(slack.post_message, attempt=3, channel="#ops", text="x")

    assert timedelta(seconds=30) == failed.value.retry_after
    assert 1 == len(sim.messages())


async def test_a_lost_answer_is_looked_for_only_when_slack_has_had_its_time(sim: Simulator) -> None:
    """The attempt that lost an answer asks for the pause itself."""
    async with Slack(simulated_config(sim).model_copy(update={"settle_seconds": 30.0})) as provider:
        sim.faults.add(path=POST, action="reset", after=True)
        with pytest.raises(errors.UnreachableError, match="looked for") as failed:
            await Bench(sim, provider).run(slack.post_message, channel="#ops", text="x")

    assert timedelta(seconds=30) == failed.value.retry_after


@pytest.mark.parametrize(("between", "unheard", "pause"), [(10.0, False, 20.0), (3600.0, True, 30.0)])
async def test_a_pause_that_nobody_heard_of_is_kept(
    sim: Simulator, between: float, unheard: bool, pause: float
) -> None:
    """A worker that is killed behind a lost answer: what is left of the pause is waited for, or all if nobody knows."""
    async with Slack(simulated_config(sim).model_copy(update={"settle_seconds": 30.0})) as provider:
        bench = Bench(sim, provider)
        bench.between, began = between, monotonic()
        sim.faults.add(path=POST, action="reset")
        with pytest.raises(errors.UnreachableError):
            await bench.run(slack.post_message, channel="#ops", text="x")

        with pytest.raises(errors.UnsettledError) as failed:
            await bench.run(slack.post_message, attempt=2, unheard=unheard, channel="#ops", text="x")

    assert failed.value.retry_after is not None
    assert pause - (monotonic() - began) <= failed.value.retry_after.total_seconds() <= pause
    assert 0 == len(sim.messages())


async def test_a_second_message_of_a_step_is_deleted(bench: Bench) -> None:
    """Where a lost request was carried out after all, beside the one that was sent for it, the later message goes."""
    await bench.run(slack.post_message, channel="#ops", text="x")
    (first,) = bench.sim.messages()
    twin = bench.sim.copy(first)

    posted = await bench.run(slack.post_message, attempt=2, channel="#ops", text="x")

    assert (first.ts, True) == (posted.ts, first.ts < twin.ts)
    assert [first.ts] == [each.ts for each in bench.sim.messages()]


@pytest.mark.parametrize("scopes", [("chat:write",), ("chat:write", "channels:read")])
async def test_where_nothing_can_be_looked_for_twice_is_better_than_never(
    bench: Bench, scopes: tuple[str, ...]
) -> None:
    """Without the scopes to look, a message whose answer was lost is posted again, and the output says so."""
    bench.sim.grant(*scopes)
    bench.sim.faults.add(path=POST, action="reset", after=True)

    posted = await bench.insist(slack.post_message, channel="#ops", text="x")

    assert posted.maybe_twice
    assert 2 == len(bench.sim.messages())


async def test_steps_do_not_take_each_others_messages(bench: Bench) -> None:
    """The same text of another step is another message."""
    await bench.run(slack.post_message, step="one", channel="#ops", text="x")
    bench.beats.clear()

    await bench.run(slack.post_message, step="two", attempt=2, channel="#ops", text="x")

    assert 2 == len(bench.sim.messages())


async def test_a_message_is_found_among_many(bench: Bench) -> None:
    """One's own message is found behind hundreds of others that came after it."""
    posted = await bench.run(slack.post_message, channel="#ops", text="x")
    for _ in range(450):
        bench.sim.say("#ops", "noise")

    again = await bench.run(slack.post_message, attempt=2, channel="#ops", text="x")

    assert posted.ts == again.ts
    assert 3 == len(bench.sent("conversations.history"))


async def test_a_braked_post_leaves_no_doubt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the brake is on nothing is sent, and when it is released the message is posted without a look."""

    def braked(what: str) -> None:
        raise BrakedError

    with monkeypatch.context() as patch:
        patch.setattr("resolute_slack.http.client.check_may_write", braked)
        with pytest.raises(NodeError):
            await bench.run(slack.post_message, channel="#ops", text="x")
    await bench.run(slack.post_message, attempt=2, channel="#ops", text="x")

    assert 1 == len(bench.sim.messages())
    assert [] == bench.sent("conversations.history")
