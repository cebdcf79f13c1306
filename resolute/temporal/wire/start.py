"""The only argument of a run: its plan with the plan's seal, and its input.

A run that another client started without a plan (Temporal's UI, CLI or HTTP API) has only its input here; it records
its worker's plan at its first step. A plan counts only with a seal (see `seals`): an input that looks like a plan has
none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, cast

from pydantic import ValidationError
from temporalio.common import SearchAttributeKey

from resolute.plan.errors import NewerPlanError, UnsupportedPlanError
from resolute.plan.plan import FORMAT, INTERPRETER, Plan
from resolute.plan.soundness import plan_problems
from resolute.plan.values import Json
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.values.packing import packed_plan, unpacked

STARTED_BY: Final = "resolute.started_by"
"""The memo of a run that says who or what started it."""

PERSON: Final = "resolute.person"
"""The memo of a run that names the person who started it, who may not decide its gates."""

SCHEDULED_FOR: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
"""What Temporal says of a run that a schedule started: the time that it was due, without jitter or delay."""

BEGAN_AT: Final = "resolute.began_at"
"""The memo of a run that was continued in a new history: when its first one began."""

FLOWS_ABOVE: Final = "resolute.flows"
"""The memo with the flows of the runs that have started a run, the first one first."""

STARTED_BY_STEP: Final = "resolute.step"
"""The memo of a run that names the step of another run which started it, and which undoes it if its own run fails."""

MODE: Final = "resolute.mode"
"""The memo of a run that writes nothing: "dry" or "shadow"."""

RECORD_PLAN: Final = "resolute.RecordPlan"
"""The activity type that records a plan, and its activity id."""

_KEY: Final = "resolute"
_DRY: Final = "dry"
_MEMORY: Final = "memory"

_KEPT: Final = 64
_LONGEST_KEPT: Final = 64 * 1024
"""How many plans that were read are kept, and how many characters each may have."""

_KEPT_LARGE: Final = 2
_LARGEST_KEPT: Final = 1024 * 1024
"""The same of large ones: each history of a run holds its plan, and to read a large one takes a tenth of a second."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What a run takes over from another history: outcomes, and the memory that the first history was handed.

    `outcomes` is what `Outcomes.as_json` writes; None in a run that begins at its beginning. `only` is the one step
    that the run is for; empty for all of them.
    """

    outcomes: Json = None
    memory: Json = None
    only: str = ""

    def as_json(self) -> Json:
        """As plain data; None where nothing is taken over."""
        if self.outcomes is None and self.memory is None:
            return None
        taken: dict[str, Json] = {"outcomes": self.outcomes, "memory": self.memory}
        return {**taken, "only": self.only} if self.only else taken


NOTHING_EARLIER: Final = Earlier()


@dataclass(frozen=True)
class Start:
    """What a run was started with; `earlier` is what earlier parts of the run, or another run, have come to."""

    plan: Plan | None
    input: Json
    earlier: Earlier = NOTHING_EARLIER


@dataclass(frozen=True)
class Envelope:
    """A run's argument, before anything in it is trusted or read. `plan` is None if the start carries none.

    `unread` is the input of a start that is nothing but its input: nobody has checked it against the flow. `dry` asks
    for a dry run, which anybody may who may start the flow.
    """

    plan: Json
    seal: Json
    input: Json
    unread: bool = False
    earlier: Earlier = NOTHING_EARLIER
    dry: bool = False

    def is_sealed(self, keys: PlanKeys, flow: str) -> bool:
        """Whether the plan was sealed for this flow, this input and these outcomes."""
        return keys.verifies(self.seal, "start", *_sealed(flow, self.plan, self.input, self.earlier))


def start_argument(plan: Plan, input_data: Json = None, *, keys: PlanKeys, earlier: Earlier = NOTHING_EARLIER) -> Json:
    """The argument to start a run of a plan with. Without keys it leaves out the plan: nobody would trust it."""
    if not keys:
        return without_plan(input_data, dry=plan.is_dry)
    return continued_argument(plan, input_data, keys=keys, earlier=earlier)


def without_plan(input_data: Json, *, dry: bool = False) -> Json:
    """The argument to start a run with whose input has been read, and which takes its worker's plan."""
    return {_KEY: {_DRY: "read"} if dry else {}, "input": input_data}


def dry_start(input_data: Json, memory: Json = None) -> Json:
    """The argument to start a dry run with whose input nobody has read yet, and which takes its worker's plan.

    `memory` is what the run may read of earlier ones. Nobody seals it: it can lead to no write.
    """
    return {_KEY: {_DRY: "unread", _MEMORY: memory}, "input": input_data}


def continued_argument(plan: Plan, input_data: Json, *, keys: PlanKeys, earlier: Earlier) -> Json:
    """The argument by which a run takes over what has come before; it is sealed where there are keys."""
    carried = plan.as_json
    seal = keys.seal("start", *_sealed(plan.name, carried, input_data, earlier))
    held: dict[str, Json] = {"plan": carried, "seal": seal}
    if (taken := earlier.as_json()) is not None:
        held["earlier"] = taken
    return {_KEY: held, "input": input_data}


def _sealed(flow: str, plan: Json, input_data: Json, earlier: Earlier) -> tuple[Json, ...]:
    # A start that takes nothing over is sealed as it was before there was anything to take over.
    taken = earlier.as_json()
    return (flow, plan, input_data) if taken is None else (flow, plan, input_data, taken)


def open_envelope(argument: Json) -> Envelope:
    """What a run's argument contains, unread."""
    if isinstance(argument, Mapping) and set(argument) == {_KEY, "input"}:
        carried = argument[_KEY]
        if isinstance(carried, Mapping) and {_DRY} <= set(carried) <= {_DRY, _MEMORY}:
            taken = Earlier(memory=carried.get(_MEMORY))
            return Envelope(None, None, argument["input"], unread=carried[_DRY] != "read", earlier=taken, dry=True)
        if isinstance(carried, Mapping) and (not carried or "plan" in carried):
            earlier = carried.get("earlier")
            taken = (
                Earlier(
                    outcomes=earlier.get("outcomes"),
                    memory=earlier.get("memory"),
                    only=str(earlier.get("only", "")),
                )
                if isinstance(earlier, Mapping)
                else NOTHING_EARLIER
            )
            return Envelope(unpacked(carried.get("plan")), carried.get("seal"), argument["input"], earlier=taken)
    return Envelope(None, None, argument, unread=True)


def read_start(argument: Json) -> Start:
    """What is in a run's argument, trusted or not.

    Raises:
        UnsupportedPlanError: this worker cannot read the plan in it.
    """
    envelope = open_envelope(argument)
    return Start(None if envelope.plan is None else read_plan(envelope.plan), envelope.input, envelope.earlier)


@dataclass(frozen=True)
class Record:
    """What a run recorded at its first step: the plan, its seal, and the input if reading it changed it."""

    plan: Json
    seal: Json = None
    read: Mapping[str, Json] | None = None

    def input_of(self, given: Json) -> Json:
        """The input of the run."""
        return given if self.read is None else self.read["input"]


def recorded_plan(
    plan: Plan, workflow_id: str, keys: PlanKeys, *, read: Mapping[Literal["input"], Json] | None = None
) -> Json:
    """What a run records about its worker's plan; `read` contains its input if that differs from what was given."""
    known = plan.as_json
    seal = keys.seal("record", plan.name, workflow_id, known)
    short = packed_plan(known)
    if read:
        return {"plan": short, "seal": seal, "input": read["input"]}
    return short if seal is None else {"plan": short, "seal": seal}


def open_record(recorded: Json) -> Record:
    """What is in the record of a run."""
    if isinstance(recorded, Mapping) and set(recorded) in ({"plan", "seal"}, {"plan", "seal", "input"}):
        read = {"input": recorded["input"]} if "input" in recorded else None
        return Record(unpacked(recorded["plan"]), recorded["seal"], read)
    return Record(unpacked(recorded))


def read_plan(value: Json) -> Plan:
    """A plan from its JSON. The plans that were read last are kept: most runs of a worker have the same few.

    Raises:
        UnsupportedPlanError: this worker cannot read it.
    """
    written = json.dumps(value)  # in the order in which it stands there, which is the order of what the run computes
    if len(written) <= _LONGEST_KEPT:
        return _kept_plan(written)
    return _kept_large_plan(written) if len(written) <= _LARGEST_KEPT else _read(value)


@lru_cache(maxsize=_KEPT)
def _kept_plan(written: str) -> Plan:
    return _read(json.loads(written))


@lru_cache(maxsize=_KEPT_LARGE)
def _kept_large_plan(written: str) -> Plan:
    return _read(json.loads(written))


def _read(value: Json) -> Plan:
    try:
        plan = Plan.model_validate(value)
    except ValidationError as error:
        written: Mapping[str, Json] = cast("Mapping[str, Json]", value) if isinstance(value, Mapping) else {}
        form, interpreter = written.get("format"), written.get("interpreter")
        if form != FORMAT:
            kind = NewerPlanError if isinstance(form, int) and form > FORMAT else UnsupportedPlanError
            raise kind(
                f"the run's plan has format {form!r}, this worker reads {FORMAT}: deploy the newer worker"
            ) from None
        if isinstance(interpreter, int) and interpreter > INTERPRETER:
            raise NewerPlanError(
                f"the run's plan needs interpreter {interpreter}, this worker has {INTERPRETER}: "
                "deploy the newer worker"
            ) from None
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UnsupportedPlanError(f"the run's plan is damaged at {place}: {first['msg']}") from None
    if problems := plan_problems(plan):
        raise UnsupportedPlanError(f"the run's plan cannot be run: {problems[0]}")
    return plan
