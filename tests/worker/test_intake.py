"""How many deliveries a worker lets in at a time."""

from contextlib import ExitStack

import pytest

from resolute_worker.serving.intake import BusyError, Intake


def let_in(intake: Intake) -> int:
    """How many deliveries an intake takes before it refuses one."""
    entered = [intake.delivery("/hook") for _ in range(intake.most + 1)]
    count = 0
    try:
        for each in entered:
            each.__enter__()
            count += 1
    except BusyError:
        pass
    for each in entered[:count]:
        each.__exit__(None, None, None)
    return count


async def test_slow_deliveries_make_room_for_quick_ones() -> None:
    """Where deliveries end too late, fewer are let in, though never none; once they are quick, as many as ever."""
    now = [0.0]
    intake = Intake(16, clock=lambda: now[0])

    before = let_in(intake)
    for _ in range(100):
        with intake.delivery("/hook"):
            now[0] += 3
    slow = let_in(intake)
    for _ in range(200):
        with intake.delivery("/hook"):
            now[0] += 0.1
    after = let_in(intake)

    assert (16, 4, 16) == (before, slow, after)


async def test_deliveries_that_crowd_out_their_runs_make_room() -> None:
    """A start that takes a second means runs that take many: fewer are let in long before a sender gives up."""
    now = [0.0]
    intake = Intake(16, clock=lambda: now[0])

    for _ in range(100):
        with intake.delivery("/hook"):
            now[0] += 1

    assert 4 == let_in(intake)


async def test_deliveries_that_are_slow_together_count_once() -> None:
    """A moment in which everything is slow lets fewer in, but not as few as if each delivery had been a moment."""
    now = [0.0]
    intake = Intake(48, clock=lambda: now[0])
    with ExitStack() as stack:
        for _ in range(48):
            stack.enter_context(intake.delivery("/hook"))
        now[0] += 3

    assert 36 == let_in(intake)


async def test_bodies_share_a_bound() -> None:
    """Bytes that are held count together, and are free again when their delivery is over."""
    intake = Intake(most_bytes=100)
    with intake.body("/hook") as first, intake.body("/hook") as second:
        first.add(60)
        second.add(40)
        with pytest.raises(BusyError):
            second.add(1)
    with intake.body("/hook") as third:
        third.add(100)

    assert 100 == third.size
