"""Every scenario."""

from tests.contract import blocks, failures, memories, values

SCENARIOS = (*blocks.SCENARIOS, *failures.SCENARIOS, *values.SCENARIOS, *memories.SCENARIOS)
