"""Every scenario."""

from tests.contract import (
    alarms,
    blocks,
    cancels,
    children,
    ends,
    failures,
    items,
    lists,
    memories,
    neighbours,
    repeats,
    shared,
    sleeps,
    values,
)

SCENARIOS = (
    *blocks.SCENARIOS,
    *failures.SCENARIOS,
    *ends.SCENARIOS,
    *cancels.SCENARIOS,
    *values.SCENARIOS,
    *lists.SCENARIOS,
    *items.SCENARIOS,
    *memories.SCENARIOS,
    *neighbours.SCENARIOS,
    *repeats.SCENARIOS,
    *children.SCENARIOS,
    *sleeps.SCENARIOS,
    *alarms.SCENARIOS,
    *shared.SCENARIOS,
)
