"""The one argument that a run starts with: its plan and its input.

A run that another client started without a plan (Temporal's UI, CLI or HTTP API) has only its input here; it records
the plan that its worker knows at its first step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from pydantic import ValidationError

from resolute.plan.errors import UnsupportedPlanError
from resolute.plan.plan import FORMAT, Plan
from resolute.plan.values import Json

RECORD_PLAN: Final = "resolute.RecordPlan"
"""The activity type that records a plan, and its activity id."""

_KEY: Final = "resolute"


@dataclass(frozen=True)
class Start:
    """What a run was started with."""

    plan: Plan | None
    input: Json


def start_argument(plan: Plan, input_data: Json = None) -> Json:
    """The argument to start a run of a plan with."""
    return {_KEY: {"plan": plan.model_dump(mode="json")}, "input": input_data}


def read_start(argument: Json) -> Start:
    """What is in a run's argument.

    Raises:
        UnsupportedPlanError: the plan in it is not one that this worker can read.
    """
    if isinstance(argument, Mapping) and set(argument) == {_KEY, "input"}:
        carried = argument[_KEY]
        if isinstance(carried, Mapping) and "plan" in carried:
            return Start(read_plan(carried["plan"]), argument["input"])
    return Start(None, argument)


def read_plan(value: Json) -> Plan:
    """A plan from its JSON.

    Raises:
        UnsupportedPlanError: it is not a plan that this worker can read.
    """
    try:
        return Plan.model_validate(value)
    except ValidationError as error:
        form = cast("Mapping[str, Json]", value).get("format") if isinstance(value, Mapping) else None
        if form != FORMAT:
            raise UnsupportedPlanError(
                f"the run's plan has format {form!r}, this worker reads {FORMAT}: deploy the newer worker"
            ) from None
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnsupportedPlanError(f"the run's plan is damaged at {place}: {first['msg']}") from None
