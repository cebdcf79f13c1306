"""Every scenario."""

from tests.contract import blocks, cancels, ends, failures, memories, values

SCENARIOS = (
    *blocks.SCENARIOS,
    *failures.SCENARIOS,
    *ends.SCENARIOS,
    *cancels.SCENARIOS,
    *values.SCENARIOS,
    *memories.SCENARIOS,
)
