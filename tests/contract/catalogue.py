"""Every scenario."""

from tests.contract import blocks, ends, failures, memories, values

SCENARIOS = (*blocks.SCENARIOS, *failures.SCENARIOS, *ends.SCENARIOS, *values.SCENARIOS, *memories.SCENARIOS)
