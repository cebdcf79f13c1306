"""Starts that have a key: at most one run of a flow and key goes on at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from resolute.plan.described import dotted
from resolute.plan.errors import InvalidInputError
from resolute.plan.expressions import encode
from resolute.plan.language import operands
from resolute.plan.step import Frozen
from resolute.plan.values import Json

WhileRunning: TypeAlias = Literal["skip", "queue", "replace", "tell"]
"""What happens to a start while a run of its key goes on.

It starts nothing; it waits, in order; the run is cancelled and undone, then it starts; or the run is told of it.
"""

CHOICES: Final[tuple[str, ...]] = get_args(WhileRunning)

Path: TypeAlias = tuple[str | int, ...]
"""Where in the input something stands."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_OTHER: Final = re.compile(r"[^A-Za-z0-9._:-]+")
_SHOWN: Final = 40


class Keyed(Frozen):
    """Where in the input the key stands, and what happens to a start while a run of its key goes on."""

    key: Path
    while_running: WhileRunning = "queue"

    @property
    def text(self) -> str:
        """The key in a few words, for lists: `one per input.service, queue`."""
        return f"one per {dotted(['input', *self.key])}, {self.while_running}"

    def run_id(self, flow: str, value: Json) -> str:
        """The workflow id of the runs with the key that an input has.

        >>> Keyed(key=("service",)).run_id("deploys", {"service": "checkout"})
        'deploys/key/checkout'

        Raises:
            InvalidInputError: the input has no key.
        """
        found = at_path(value, self.key)
        text = spelled(found)
        if text is None:
            kind = "null or missing" if found is None else "empty" if found == "" else "no text or number"
            raise InvalidInputError(
                f"the input of flow {flow!r} has no key: {dotted(['input', *self.key])} is {kind}, and at most one run "
                "for each of its values may go on"
            )
        return f"{flow}/key/{text}"


def spelled(key: Json) -> str | None:
    """A key as a part of an id: as it is, or what can be read of it and a digest. None for what is no key.

    >>> spelled("checkout"), spelled("Café")
    ('checkout', 'Caf~73473dcc12b76308')
    """
    if key is None or key == "" or isinstance(key, (bool, Mapping, list, tuple)):
        return None
    text = str(key)
    if _PLAIN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{_OTHER.sub('-', text)[:_SHOWN].strip('-')}~{digest}"


def path_of_input(reference: object) -> Path | None:
    """The path that a reference into the input leads along; None for anything else."""
    try:
        encoded = encode(reference)
    except ValueError:
        return None
    if not isinstance(encoded, Mapping) or set(encoded) != {"$input"}:
        return None
    return tuple(cast("list[str | int]", operands(encoded))) or None


def at_path(value: Json, path: Path) -> Json:
    """What stands at a place of the input; null where there is nothing."""
    for part in path:
        if isinstance(part, str) and isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(part, int) and isinstance(value, (list, tuple)) and -len(value) <= part < len(value):
            value = value[part]
        else:
            return None
    return value


@dataclass(frozen=True)
class KeyedSpec:
    """The key of starts as an author wrote it, or the mistakes in it."""

    keyed: Keyed | None
    problems: tuple[tuple[str, str], ...] = ()


def keyed_by(key: object, while_running: object, where: str, choices: Sequence[str] = CHOICES) -> KeyedSpec:
    """What an author says of the key of starts; `where` is the word that says it, `choices` what may happen."""
    if key is None:
        if while_running is None:
            return KeyedSpec(None)
        hint = "say which runs belong together, such as key=input_data(Deploy).service"
        return KeyedSpec(None, ((f"{where}: while_running={while_running!r} without a key", hint),))
    path = path_of_input(key)
    if path is None:
        hint = "it is known before the run starts: give a field of the input, such as input_data(Deploy).service"
        return KeyedSpec(None, ((f"{where}: the key {key!r} is no field of the input", hint),))
    if while_running is not None and while_running not in choices:
        return KeyedSpec(None, ((f"{where}: while_running={while_running!r}", f"use one of {', '.join(choices)}"),))
    return KeyedSpec(Keyed(key=path, while_running=cast("WhileRunning", while_running or "queue")))


NOT_KEYED: Final = KeyedSpec(None)
