"""A question to what runs share, or an order: who asks, of what, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from resolute.plan.errors import EvaluationError, FlowError
from resolute.plan.keyed import spelled
from resolute.plan.policies import Policy, Retry
from resolute.plan.values import Json

SHARE: Final = "resolute.Share"
"""The name of what asks, in place of a node's."""

PATIENCE: Final = Policy(retry=Retry(attempts=20, initial=0.2, maximum=60.0), timeout=30.0)
"""How long a run asks: about a quarter of an hour, and for as long as no worker is there to ask."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What a step of a run asks. `of` is the name of what is asked, which begins with its kind: `budget/pages`.

    `step` is the id of who asks, and the question of one run and step counts once, however often it is asked.
    """

    step: str
    of: str
    word: str
    data: Json = None


class SharingRefusedError(FlowError):
    """What is shared does not take a question: it is none that this release knows, or too much of something."""


def name_of(kind: str, name: str, key: Json = None, *, has_key: bool = False) -> str:
    """What something shared is called, for one of its keys if it has any.

    >>> name_of("budget", "pages", "checkout", has_key=True)
    'budget/pages/key/checkout'

    Raises:
        EvaluationError: there should be a key, and the value is none.
    """
    whole = f"{kind}/{spelled(name)}"
    if not has_key:
        return whole
    text = spelled(key)
    if text is None:
        what = "null" if key is None else "empty" if key == "" else "no text or number"
        raise EvaluationError(f"the key of {kind} {name!r} is {what}: give a value that says which one is meant")
    return f"{whole}/key/{text}"
