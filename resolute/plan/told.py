"""How a run in progress is told of further deliveries of its webhook."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, JsonValue

from resolute.plan.errors import InvalidInputError
from resolute.plan.event import name_problem
from resolute.plan.expressions import encode
from resolute.plan.keyed import Keyed, at_path, path_of_input
from resolute.plan.values import Json


class Told(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """How deliveries are told to a run in progress, as events.

    `event` is the name of the event, or where in the input it stands, and `data` where in the input the event itself
    stands. Where `starts` is a condition on the input, only deliveries for which it holds start a run.
    """

    event: str | tuple[str | int, ...]
    data: tuple[str | int, ...] = ()
    starts: JsonValue = None

    def event_in(self, value: Json) -> tuple[str, Json]:
        """The name of the event in an input, and the event.

        Raises:
            InvalidInputError: the input names none.
        """
        name = self.event if isinstance(self.event, str) else at_path(value, self.event)
        if problem := name_problem(name):
            raise InvalidInputError(f"the input names no event of which a run could be told: {problem}")
        return str(name), at_path(value, self.data)


def told_by(
    keyed: Keyed | None, event: object, data: object, starts: object
) -> tuple[Told | None, list[tuple[str, str]]]:
    """How a run in progress is told of deliveries, and the mistakes in that."""
    if keyed is None or keyed.while_running != "tell":
        given = {"event": event, "event_data": data, "starts": starts}
        unused = [name for name, value in given.items() if value is not None]
        hint = 'it is for key=... with while_running="tell"'
        return None, [(f"{name}=... without being told to a run", hint) for name in unused]
    name = event if isinstance(event, str) else path_of_input(event)
    if name is None or (isinstance(name, str) and name_problem(name)):
        hint = 'give its name, such as event="deployed", or the field that names it: event=input_data("action")'
        return None, [('while_running="tell" without the name of an event', hint)]
    part = () if data is None else path_of_input(data)
    if part is None:
        return None, [(f"event_data={data!r} is no field of the input", 'write event_data=input_data("event")')]
    try:
        condition = None if starts is None else encode(starts)
    except ValueError as error:
        return None, [(f"starts: {error}", "give a condition on the input")]
    if isinstance(starts, bool):
        return None, [(f"starts={starts}: always the same", 'give a condition: input_data("action") == "opened"')]
    return Told(event=name, data=part, starts=cast("JsonValue", condition)), []
