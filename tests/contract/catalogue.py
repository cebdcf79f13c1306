"""Every scenario."""

from tests.contract import blocks, cancels, ends, failures, lists, memories, values

SCENARIOS = (
    *blocks.SCENARIOS,
    *failures.SCENARIOS,
    *ends.SCENARIOS,
    *cancels.SCENARIOS,
    *values.SCENARIOS,
    *lists.SCENARIOS,
    *memories.SCENARIOS,
)
