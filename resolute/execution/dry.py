"""A call in a dry run: what reads and computes is done, what may write is not, and neither is what cannot be known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from resolute.execution.boundary import output_of
from resolute.execution.secrets import Environment
from resolute.plan.errors import DryRunError, InvalidResultError, LastAttemptError
from resolute.plan.made_up import made_up
from resolute.plan.provider import NodeDefinition
from resolute.plan.shapes import shape_of_type
from resolute.plan.values import Json
from resolute.running.dry import DryAnswer

WRITES: Final = "it may change something"
LOOKS_AT_NOTHING: Final = "it looks at what a step before it would have made"
COMPUTES_WITH_NOTHING: Final = "it computes with what a step before it would have made, and failed"


def not_done(definition: NodeDefinition, environment: Environment, why: str) -> Json:
    """The answer of a call that was not made."""
    return DryAnswer(example_of(definition, environment), why).as_json()


def example_of(definition: NodeDefinition | None, environment: Environment) -> Json:
    """An output of the node's type, or null where none can be made up."""
    if definition is None:
        return None
    output = made_up(shape_of_type(definition.result_type, "serialization"), datetime.now(UTC))
    try:
        return output_of(definition, output, environment)
    except InvalidResultError:
        return None


def refused_write(definition: NodeDefinition, error: BaseException) -> str | None:
    """Why a call came to nothing whose node wrote all the same, and was refused by its client; None for other errors.

    A node that catches the refusal and raises an error of its own has failed.
    """
    error = error.error if isinstance(error, LastAttemptError) else error
    if not isinstance(error, DryRunError):
        return None
    return f"its node is marked {definition.effect!r}, and would have sent {error.what}"
