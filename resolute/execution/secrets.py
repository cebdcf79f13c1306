"""Reads `env(...)` and `secret(...)` on the worker, and keeps the secrets it read out of everything shown to people."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from resolute.execution.masking import Masks
from resolute.plan.context import CallContext
from resolute.plan.errors import MissingEnvironmentError
from resolute.plan.values import Json, JsonObject
from resolute.running.switches import OFF, Switches

Links: TypeAlias = Callable[[CallContext, JsonObject], str]
"""Makes the address at which a person decides a gate, from a call of its `notify` and what the run says of it.

Or what a button carries that anybody may press, of whom a service says who they are.
"""

_BOOLS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Environment:
    """The worker's environment variables. Values are read again for every call, so a rotated secret is picked up."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._masks = Masks()
        self.links: Links | None = None
        self.buttons: Links | None = None
        self.switches: Callable[[], Switches | None] = lambda: OFF
        """How the switches stand that people throw for many runs; None where that could not be read yet."""

    def link(self, call: CallContext, facts: JsonObject) -> str:
        """The address at which a person decides a gate of the call's run. It is masked wherever people read it.

        Raises:
            MissingEnvironmentError: nothing here makes links.
        """
        return self._made(self.links, call, facts)

    def button(self, call: CallContext, facts: JsonObject) -> str:
        """What a button carries by which people decide a gate of the call's run.

        Raises:
            MissingEnvironmentError: nothing here makes buttons.
        """
        return self._made(self.buttons, call, facts)

    def _made(self, make: Links | None, call: CallContext, facts: JsonObject) -> str:
        if make is None:
            raise MissingEnvironmentError(
                "links to gates are made by a worker that has keys: set RESOLUTE_PLAN_KEYS for it (docs/approvals.md)"
            )
        return make(call, facts)

    def read(self, operator: str, operand: Json) -> Json:
        """The value of an `$env` or `$secret` expression.

        Raises:
            MissingEnvironmentError: the variable is not set, or is not of the requested type.
        """
        if operator == "$secret":
            return self._secret(str(operand))
        if isinstance(operand, Mapping):
            return self._typed(str(operand["name"]), str(operand["type"]), operand.get("default"))
        return self._required(str(operand), "environment variable")

    def remember(self, secrets: Iterable[str]) -> None:
        """Adds values that must never be shown, such as a provider's API key, or a token that a node has fetched."""
        self._masks.add(secrets)

    def mask(self, text: str) -> str:
        """A text for people, without any secret known so far."""
        return self._masks.text(text)

    def mask_json(self, value: Json) -> Json:
        """A value for people, without any secret known so far. Never for a value that other steps use."""
        return self._masks.value(value)

    def secret_in(self, value: Json) -> str | None:
        """Where a value contains a secret that cannot be mistaken for data; None if it contains none."""
        return self._masks.place_in(value)

    def _secret(self, name: str) -> str:
        value = self._required(name, "secret")
        self.remember([value])
        return value

    def _required(self, name: str, what: str) -> str:
        value = self._variables.get(name)
        if not value:
            raise MissingEnvironmentError(f"{what} {name} is not set on the worker: set it and restart the worker")
        return value

    def _typed(self, name: str, kind: str, default: Json) -> Json:
        value = self._variables.get(name)
        if not value:
            if default is None:
                return self._required(name, "environment variable")
            return default
        try:
            match kind:
                case "int":
                    return int(value)
                case "number":
                    return float(value)
                case "bool":
                    return _BOOLS[value.lower()]
                case _:
                    return value
        except (ValueError, KeyError):
            raise MissingEnvironmentError(f"environment variable {name} is not a {kind}: {value!r}") from None
