"""What a node takes and gives, as the digest that stands in a plan beside each of its calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, Field

from resolute import flow, manual, node
from resolute.plan.kinds.call import calls_in
from resolute.plan.plan import Plan
from resolute.writing.data import flow_as_data, flow_from_data
from resolute.writing.documents import read_document, write_document


class Health(BaseModel):
    """How a service is."""

    status: str
    load: float = 0.0


class Worse(BaseModel):
    """How a service is."""

    status: str
    load: str


def look(host: str) -> Health:
    raise NotImplementedError


def contract(function: Callable[..., Any]) -> str:
    """The digest of a function that is declared as a node."""
    return node(function).definition.contract


def test_a_plan_holds_what_each_node_took_and_gave() -> None:
    """Every call carries the digest of its node, undo calls too, and a flow in YAML gets the same."""
    seen = node(look)
    built = flow("seen").triggered_by(manual("go")).then(seen("a").as_("first").on_failure(seen("b"))).build()
    data = flow_as_data(built)
    again = flow_from_data(read_document(write_document(built), "seen.flow.yaml").data, built.nodes)

    assert [contract(look)] * 2 == [call.contract for call in calls_in(built.plan.steps)]
    assert "contract" not in str(data)
    assert built.plan.fingerprint == again.plan.fingerprint


def test_an_older_plan_has_no_digest_and_stays_what_it_was() -> None:
    """A plan without digests reads, keeps its fingerprint, and is written as it came."""
    built = flow("seen").triggered_by(manual("go")).then(node(look)("a")).build()
    steps = [call.model_copy(update={"contract": None}) for call in calls_in(built.plan.steps)]
    older = built.plan.model_copy(update={"steps": tuple(steps)})
    written = older.model_dump_json()

    assert '"contract"' not in written
    assert older.fingerprint == Plan.model_validate_json(written).fingerprint


def _other_text() -> Callable[..., Any]:
    class Health(BaseModel):
        """Another docstring."""

        status: str = Field(description="How it is", examples=["ok"])
        load: float = 0.5

    def look(host: str) -> Health:
        """Another docstring."""
        raise NotImplementedError

    look.__annotations__ = {"host": str, "return": Health}
    return look


def test_texts_for_people_change_no_digest() -> None:
    """Descriptions, titles and the values of defaults may be edited: what fits stays the same."""
    assert contract(look) == contract(_other_text())


def _lost() -> Health:
    raise NotImplementedError


def _more(host: str, port: int = 443) -> Health:
    raise NotImplementedError


def _needs_more(host: str, port: int) -> Health:
    raise NotImplementedError


def _other_type(host: int) -> Health:
    raise NotImplementedError


def _gives_other(host: str) -> Worse:
    raise NotImplementedError


@pytest.mark.parametrize("edited", [_lost, _more, _needs_more, _other_type, _gives_other])
def test_an_edit_of_types_changes_the_digest(edited: Callable[..., Any]) -> None:
    """A parameter that comes, goes or changes its type, and a field of another type, are noticed."""
    assert contract(look) != contract(edited)
