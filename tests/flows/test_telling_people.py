"""Whom the ready-to-run flows tell: people on call, in the order in which they are paged."""

from typing import Any

import pytest

from flows.common.on_call import NobodyError, by_level, emails_on_call, with_names
from resolute_pagerduty import OnCall


def on_call(name: str, level: int, email: str = "") -> OnCall:
    """An entry as `get_on_calls(..., include=["users"])` gives it."""
    user = {"id": name, "summary": name, "name": name, "email": email}
    return OnCall.model_validate({"user": user, "escalation_level": level})


ADA = on_call("Ada", 1, "ada@harbour.example")
BO = on_call("Bo", 2, "bo@harbour.example")


def called(node: Any, *arguments: Any) -> Any:
    """What a node that only computes gives."""
    return node.__wrapped__(*arguments)


def test_people_are_ordered_as_they_are_paged() -> None:
    """Each person counts once, at their first level."""
    found = by_level([BO, on_call("Ada", 3), ADA])

    assert [("Ada", 1), ("Bo", 2)] == [(each.user.name, each.escalation_level) for each in found]


def test_a_message_names_who_is_on_call() -> None:
    """Each person once, the first level first; that nobody is on call is said too."""
    assert "db is down\nOn call: Ada (level 1), Bo (level 2)" == called(with_names, "db is down", [BO, ADA])
    assert "db is down\nOn call: nobody" == called(with_names, "db is down", [])


def test_people_are_told_by_address() -> None:
    """Who has no address is left out, and where nobody has one nobody could be told: that is a failure."""
    assert ["ada@harbour.example", "bo@harbour.example"] == called(emails_on_call, [BO, on_call("Chen", 1), ADA])
    with pytest.raises(NobodyError, match="ESCALATION_POLICY"):
        called(emails_on_call, [on_call("Chen", 1)])
