"""Very many items, and items that are very large."""

import asyncio

from resolute import each, flow, input_data, manual
from resolute.plan.values import Json
from resolute.temporal.history.runs import describe_run
from tests.contract.items import START
from tests.contract.nodes import inflate, quick
from tests.contract.runtimes import MemoryScenarios, ScenarioRuntime, TemporalScenarios
from tests.contract.scenario import Expected, Scenario
from tests.patience import PATIENCE

many = (
    flow("many-items").triggered_by(START).then(each(input_data("items"), lambda item: quick(item)).as_("all")).build()
)
large = (
    flow("large-items")
    .triggered_by(manual("start"))
    .then(each([700_000] * 4, lambda size: inflate(size).lane("local")).as_("all"))
    .build()
)


async def _large(runtime: ScenarioRuntime) -> tuple[str, set[str]]:
    scenario = Scenario("", large, (Expected(calls=[], steps={}),))
    (outcome,) = await runtime.run(scenario)
    return str(outcome.error), set(outcome.first_calls)


async def test_a_list_that_is_too_large(memory: MemoryScenarios, temporal: TemporalScenarios) -> None:
    """Outputs that do not fit into one list fail the step, and say so alike whatever they were made by."""
    here, there = await _large(memory), await _large(temporal)

    assert here == there
    assert "PayloadTooLargeError: the output of step 'all', the list of what its items gave, is" in here[0]


async def test_a_thousand_quick_items(temporal: TemporalScenarios) -> None:
    """They run together: each is a step with its own call, and the history has a few events for a hundred of them."""
    items: Json = list(range(1_000))
    run = await temporal.start(many.plan, {"items": items})
    async with asyncio.timeout(PATIENCE):
        result = await run.result()
    described = await describe_run(temporal.client, run.workflow_id)
    history = await run.handle.fetch_history()

    assert {"all": items} == result
    assert len(history.events) < 100
    assert described.report is not None
    assert {"completed": 1_000} == described.report.step("quick").counts
    assert 999 == described.report.step("all[999].quick").output
    assert {"value": 999} == described.report.step("all[999].quick").arguments
