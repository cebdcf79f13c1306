"""How long is waited between two attempts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resolute import Policy, Retry, node
from resolute.plan.policies import Lane

lengths = st.floats(0.001, 1e9)


@given(initial=lengths, maximum=lengths, coefficient=st.floats(1, 1000), attempt=st.integers(1, 10**6))
def test_pauses_grow_up_to_the_maximum(initial: float, maximum: float, coefficient: float, attempt: int) -> None:
    """However often was tried: no pause is shorter than the one before it, than the first, or longer than the last."""
    retry = Retry(initial=initial, maximum=maximum, coefficient=coefficient)

    assert initial == retry.pause(1)
    assert initial <= retry.pause(attempt) <= retry.pause(attempt + 1) <= max(initial, maximum)


def test_the_default_tries_for_about_five_minutes() -> None:
    """Ten attempts, one second after the first failure, at most a minute after a later one."""
    retry = Policy().retry

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == [retry.pause(attempt) for attempt in range(1, retry.attempts)]


@pytest.mark.parametrize(
    "wrong", [{"attempts": -1}, {"initial": 0}, {"maximum": -1}, {"coefficient": 0.5}, {"tries": 3}], ids=str
)
def test_a_retry_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    """Each number has the range that Temporal gives it, and none is misspelt."""
    with pytest.raises(ValidationError):
        Retry.model_validate(wrong)


def test_a_step_changes_only_what_it_names() -> None:
    """What was declared with the node stays, where the step says nothing else."""

    @node(retry=Retry(attempts=7, maximum=5), timeout=timedelta(seconds=9), within=timedelta(minutes=1))
    async def look() -> None: ...

    changed = look().retry(initial=timedelta(milliseconds=100)).timeout(heartbeat=timedelta(seconds=2))

    assert Policy(retry=Retry(attempts=7, initial=0.1, maximum=5), timeout=9, within=60, heartbeat=2) == changed.policy


@pytest.mark.parametrize("lane", ["activity", "local"])
def test_a_step_can_change_its_lane(lane: Lane) -> None:
    """Either way, whatever the node was declared with."""

    @node(lane="local")
    async def look() -> None: ...

    assert ("local", lane) == (look().placement, look().lane(lane).placement)


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"within": -1}, {"heartbeat": 0}, {"colour": "red"}], ids=str)
def test_a_policy_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    """Lengths are more than nothing, and there is no other word."""
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)
