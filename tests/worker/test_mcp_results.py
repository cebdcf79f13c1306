"""Results for agents: short enough, always JSON, and honest about what is left out."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resolute_worker.agents.results import result_of
from resolute_worker.agents.tools import tool_name

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=400)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=60
)


@given(VALUES, st.integers(min_value=300, max_value=3000))
def test_a_result_is_never_longer_than_allowed(value: Any, size: int) -> None:
    """Whatever a node returns, the result fits; where something was cut, a hint says so."""
    result = result_of(value, size=size)

    assert len(result.text) <= size
    assert result.hints or len(result_of(value, size=10**9).text) <= size


@given(st.lists(st.fixed_dictionaries({"id": st.text(min_size=1), "title": st.text(min_size=1)}), min_size=1))
def test_a_list_keeps_its_first_items(items: list[dict[str, str]]) -> None:
    """What is shown of a list is its beginning, in order and whole, so that one can read on behind it."""
    result = result_of({"items": items}, size=600)

    if "the result is cut" not in " ".join(result.hints):
        shown = json.loads(result.text)["items"]
        assert [each["id"] for each in items[: len(shown)]] == [each["id"] for each in shown]
        assert (len(shown) < len(items)) == any(hint.startswith("items: ") for hint in result.hints)


def test_what_is_empty_is_left_out_and_what_is_false_stays() -> None:
    """Null, empty text and empty lists tell an agent nothing; false and zero do."""
    value: dict[str, Any] = {"more": False, "count": 0, "note": None, "text": "", "list": [], "inner": {"empty": None}}

    assert {"more": False, "count": 0} == json.loads(result_of(value).text)


def test_a_reference_is_short() -> None:
    """Of what is only referred to, the address is left out: the id leads there."""
    service = {"id": "P1", "type": "service_reference", "summary": "Search", "html_url": "https://long.example/P1"}

    assert {"id": "P1", "type": "service_reference", "summary": "Search"} == json.loads(result_of(service).text)


def test_nothing_to_say_is_said() -> None:
    """A node that returns nothing has done its work."""
    assert "done" == result_of(None).text


@given(st.text(), st.text())
def test_every_tool_has_a_name_that_clients_take(first: str, second: str) -> None:
    """Whatever a flow is called: at most 64 letters, digits, _ and -."""
    name = tool_name("flow", first, second)

    assert len(name) <= 64
    assert name.replace("_", "a").replace("-", "a").isascii()
    assert name.replace("_", "a").replace("-", "a").isalnum()
