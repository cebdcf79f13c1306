"""What a call that has failed for good leaves to a person who has it made again."""

from datetime import datetime
from typing import Any

import pytest

from resolute.plan.policies import Policy, Retry
from resolute.running.made import LEFT_LIMIT, NOTHING_MADE, Made, left_behind, made_again, made_from


def test_what_was_left_is_handed_on_and_the_policy_begins_anew() -> None:
    """Whoever has a call made again hands on its heartbeat and doubt; none of its attempts counts any more."""
    left = left_behind(3, ({"request": "lost"},), unheard=True)
    made = made_again(left)

    assert Made(attempts=3, earlier=3, heartbeat=({"request": "lost"},), unheard=True) == made
    assert made == made_from(made.as_json())
    assert Policy(retry=Retry(attempts=3)) == made.policy(Policy(retry=Retry(attempts=3)))
    assert NOTHING_MADE == made_again(None)


@pytest.mark.parametrize("heartbeat", ["x" * LEFT_LIMIT, datetime(2026, 1, 1)])
def test_what_cannot_be_kept_was_not_heard(heartbeat: Any) -> None:
    """A heartbeat beyond the bound, or one that is no JSON, is left out: then nothing was heard."""
    assert Made(attempts=1, unheard=True).as_json() == left_behind(1, (heartbeat,), unheard=False)
