"""No text of a stranger makes a pattern hold the worker."""

import time

import pytest

from resolute import input_data, matches
from resolute.plan.expressions import encode
from resolute.running.evaluate import Scope, is_true


@pytest.mark.parametrize("pattern", [r"^(\w+\s?)*$", r"^(a+)+$", r"(a|a)*b", r"(.*)*x", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_patterns_take_linear_time(pattern: str) -> None:
    """A condition over a megabyte that is made to make an engine go back is decided in no time."""
    text = "a" * 1_000_000 + "!"
    condition = encode(matches(input_data("text"), pattern))
    began = time.thread_time()

    assert not is_true(condition, Scope(input={"text": text}))
    assert time.thread_time() - began < 20  # an engine that goes back takes years
