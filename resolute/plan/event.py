"""Something that a run can be told of while it goes on: an event, by its name and with the model of what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

LONGEST_NAME: Final = 200
"""Characters of the name of an event."""


@dataclass(frozen=True)
class Event(Generic[T]):
    """What `wait_for` waits for: an event with one of these names, which fits the model."""

    names: tuple[str, ...]
    model: Any = Any


def signal(name: str, model: type[M]) -> Event[M]:
    """An event by its name, typed by a model: `resolute tell RUN deployed '{"version": "1.2"}'` tells a run of one.

    >>> class Deployed(BaseModel):
    ...     version: str
    >>> signal("deployed", Deployed).names
    ('deployed',)
    """
    return Event((name,), model)


def name_problem(name: object) -> str:
    """What is wrong with the name of an event; empty where it can be used."""
    if not isinstance(name, str) or not name.strip():
        return "an event has a name, as text"
    if not name.isprintable() or len(name) > LONGEST_NAME:
        return f"the name of an event is printable and has at most {LONGEST_NAME} characters"
    return ""
