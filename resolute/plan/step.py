"""What every step of a plan has in common, whatever its kind.

A kind is a frozen model that derives from `Step` and knows its own title and what is inside it. Whoever walks a plan
(names, status, diagrams, reports) uses `title` and `blocks()` and never asks for the kind, so a new kind is a file of
its own in `plan/kinds`, `writing/kinds` and `running/kinds`, and a line in each of the three registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from resolute.plan.shapes import ANY, Shape
from resolute.plan.texts import shortened
from resolute.plan.values import Json

Figure: TypeAlias = Literal["box", "diamond", "hexagon", "rounded", "framed"]
"""How a diagram draws a step: work, a question, something that holds other steps, a wait, another flow."""

WITHOUT_PLACES: Final = {"places": False}
"""The context in which plans inside of steps are written without the places of their steps."""

LONGEST_ID: Final = 1000
"""Characters of a name that Temporal takes."""

Role: TypeAlias = Literal["choice", "branch", "loop", "side"]
"""How a block runs: one of several, beside others, again and again, or on an occasion of its own."""


class Frozen(BaseModel):
    """A value of a plan: never changed, and nothing in it that the plan's format does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


@dataclass(frozen=True)
class Block:
    """Steps inside a step. `heading` names the block for people, `arrow` labels the arrow that leads to it.

    The steps of a `loop` run once for each turn or item, and their ids begin with that of the turn or item.
    """

    role: Role
    steps: tuple[Step, ...]
    heading: str = ""
    arrow: str = ""


class Step(Frozen):
    """A step of a plan. `id` is its name: unique in the plan, and the key of its output."""

    kind: Any  # the word of the kind: a literal of its own in each
    id: str

    figure: ClassVar[Figure] = "box"
    has_output: ClassVar[bool] = True
    gives_null: ClassVar[bool] = False
    remembers: ClassVar[bool] = False
    """Whether steps of the kind write down what later runs of the flow read; see `resolute.running.notebook`."""

    @property
    def title(self) -> str:
        """The step in a line, as a person reads it."""
        return self.id

    @property
    def node_name(self) -> str | None:
        """The node that the step calls, where it is a call of one."""
        return None

    @property
    def ended_by(self) -> str:
        """What a test calls so that the step goes on, where it waits for something from outside."""
        return ""

    def blocks(self) -> tuple[Block, ...]:
        """The steps inside this one, in the order of the plan."""
        return ()

    def plans(self) -> tuple[Any, ...]:
        """The plans of the flows that the step runs as runs of their own; their steps are none of this plan."""
        return ()

    def values(self) -> tuple[Json, ...]:
        """The values of the plan that the step itself evaluates, expressions among them."""
        return ()

    def output_shape(self, known: Mapping[str, Shape]) -> Shape:
        """What is known of the step's output, given what is known of the outputs of the steps inside, by name."""
        return ANY

    def iterates(self) -> Json:
        """The list whose item is read by the step's name; null where there is none."""
        return None

    def outcome(self, output: Json) -> str:
        """What the ledger says of a run in which the step gave this output; empty where the step says nothing."""
        return ""

    def problems(self) -> Iterator[str]:
        """What of the step itself could not be run; its values and blocks are looked at by whoever asks."""
        yield from ()


STEP_SCHEMA: Final = "resolute.Step"
"""The title of what stands in the JSON Schema of a model where a step of any kind does."""

KINDS: Final[dict[str, type[Step]]] = {}
"""Every kind of step that a plan may hold, by its word; see `register`."""


def register(*kinds: type[Step]) -> None:
    """Makes kinds of steps known to everything that reads plans."""
    for kind in kinds:
        KINDS[str(kind.model_fields["kind"].default)] = kind


class _OfAnyKind:
    """Reads a step as a model of its kind, and writes all of its fields."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _read, serialization=core_schema.plain_serializer_function_ser_schema(_written, info_arg=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "object", "title": STEP_SCHEMA}  # whoever writes a whole schema puts every kind there


def _read(value: object) -> Step:
    if isinstance(value, Step):
        return value
    word = cast("Mapping[str, object]", value).get("kind") if isinstance(value, Mapping) else None
    kind = KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        known = ", ".join(KINDS)
        raise PydanticCustomError(
            "unknown_kind",
            "a step of kind {word} is not known to this release, which knows {known}",
            {"word": repr(word)[:60], "known": known},
        )
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PydanticCustomError(
            "damaged_step", "{place}: {message}", {"place": place, "message": first["msg"]}
        ) from None


def _written(step: Step, info: core_schema.SerializationInfo) -> dict[str, Any]:
    return step.model_dump(mode=info.mode, context=cast("Any", info.context))


AnyStep = Annotated[Step, _OfAnyKind()]
"""A step of a kind that is registered, for the fields of models that hold steps."""

Steps: TypeAlias = tuple[AnyStep, ...]


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, in the order of the plan: a step before what is in it."""
    for step in steps:
        yield step
        for block in step.blocks():
            yield from walk(block.steps)


def inside(step: Step) -> tuple[Step, ...]:
    """The steps directly inside a step, of all its blocks."""
    return tuple(each for block in step.blocks() for each in block.steps)


def of_one_turn(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps that run once where these do: they and what their choices and branches hold, without that of loops."""
    for step in steps:
        yield step
        for block in step.blocks():
            if block.role in ("choice", "branch"):
                yield from of_one_turn(block.steps)


def plan_name(step_id: str) -> str:
    """The name in the plan of a step of a run, whose id begins with the items and turns that it stands in.

    >>> plan_name("poll#7.look")
    'look'
    """
    return step_id.rpartition(".")[2]


def is_of_other_flow(step_id: str) -> bool:
    """Whether a step of a run is one of another flow, which a step of the run has run: it undoes what that did.

    >>> is_of_other_flow("drains[3].drain.put_back"), is_of_other_flow("drains[3].check")
    (True, False)
    """
    return any(part[-1:] != "]" and "#" not in part for part in step_id.split(".")[:-1])


def depth_of(steps: tuple[Step, ...]) -> int:
    """How deep steps are nested that hold others, found without nesting calls."""
    depth = 0
    level: list[Step] = list(steps)
    while level:
        inner = [each for step in level for block in step.blocks() if block.role != "side" for each in block.steps]
        depth, level = depth + bool(inner), inner
    return depth


def name_problems(what: str, name: str) -> Iterator[str]:
    """What is wrong with a name that Temporal gets to see."""
    if not name or not name.isprintable() or len(name) > LONGEST_ID:
        yield f"its {what} is empty, too long or cannot be printed: {shortened(name, 60)!r}"
