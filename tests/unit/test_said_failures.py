"""What a failed run says of itself: the step, the function, and what its author can act on."""

import asyncio
from typing import Any

import pytest

from resolute import Flow, NodeFactory, State, flow, manual, node
from resolute.testing import FlowTester


@node
async def look() -> str:
    answer: dict[str, Any] = {"incidents": []}
    return answer["incident"]["id"]


async def _refused(host: str) -> None:
    raise ConnectionError(f"{host} refused")


@node
async def ask() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_refused("db-1"))
        group.create_task(_refused("db-2"))


@node
async def tell() -> None:
    return None


def is_bad(state: State) -> bool:
    return state["health"]["status"] == "critical"


def once(factory: NodeFactory[[], Any]) -> Flow:
    return flow("watch").triggered_by(manual("go")).then(factory().retry(1)).build()


DECIDING = flow("watch").triggered_by(manual("go")).when(is_bad).then(tell()).end_when().build()
FAILED: list[tuple[Flow, str, str]] = [
    (once(look), "step 'look' (look) failed: KeyError: there is no key 'incident'",
     'return answer["incident"]["id"]'),
    (once(ask), "step 'ask' (ask) failed: ExceptionGroup: unhandled errors in a TaskGroup: "
     "ConnectionError: db-1 refused; ConnectionError: db-2 refused", 'raise ConnectionError(f"{host} refused")'),
    (DECIDING, "step 'when_decision' (decision.watch.when_decision:is_bad) failed: KeyError: there is no key 'health'",
     'return state["health"]["status"] == "critical"'),
]  # fmt: skip


@pytest.mark.parametrize(("failing", "said", "line"), FAILED, ids=["key", "group", "decision"])
async def test_a_failed_run_says_what_and_where(failing: Flow, said: str, line: str) -> None:
    """The error of a run names the step, the function by its author's name, and what is missing; its trace the line."""
    run = await FlowTester(failing).run()

    assert said == str(run.error)
    assert run.failure is not None
    assert line == run.step(run.failure.step).trace.splitlines()[-1].strip()
