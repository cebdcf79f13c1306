"""Which calls of nodes a worker carries out: those of plans that it trusts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, cast

from resolute.plan.context import CallContext
from resolute.plan.errors import UnsealedCallError
from resolute.plan.kinds.call import calls_in
from resolute.plan.language import HOLES, expressions_in
from resolute.plan.plan import Plan
from resolute.plan.values import Json, JsonObject
from resolute.temporal.trust.seals import PlanKeys, Purpose

Hole: TypeAlias = tuple[str, str, str, str]
"""A place where a secret or a variable is read: node, argument, operator, name."""


class Belief:
    """What one worker trusts.

    With keys, a call must be sealed by a run whose own plan was sealed: nobody else can run a node here, let alone
    read a secret with it. Without keys, a call cannot be distinguished from a forged one. Then a call can read only
    what the worker's own flows read in the same argument of the same node.
    """

    def __init__(self, keys: PlanKeys, plans: Iterable[Plan]) -> None:
        self._keys = keys
        self._held = frozenset(hole for plan in plans for hole in _holes_of(plan)) if not keys else frozenset[Hole]()

    def check(self, call: CallContext, workflow_id: str, arguments: JsonObject, seal: Json) -> None:
        """Refuses a call that is not trusted.

        Raises:
            UnsealedCallError: its seal is missing or wrong, or it reads what no flow of this worker reads there.
        """
        if self._keys:
            purpose = purpose_of(dry=call.dry)
            if not self._keys.verifies(seal, purpose, call.flow, workflow_id, call.step, call.node, arguments):
                raise UnsealedCallError(_unsealed(call, seal, known=self._keys.knows(seal)))
            return
        for _, argument, operator, name in _holes(call.node, arguments):
            if (call.node, argument, operator, name) not in self._held:
                raise UnsealedCallError(
                    f"no flow of this worker gives {operator[1:]}({name!r}) to {argument!r} of node {call.node!r}: "
                    "if the flow has changed since the run started, start it again (with RESOLUTE_PLAN_KEYS set, "
                    "a run keeps what its plan reads)"
                )


def purpose_of(*, dry: bool) -> Purpose:
    """What the seal of a call is for: one of a dry run never stands for a call that may write."""
    return "dry call" if dry else "call"


def _unsealed(call: CallContext, seal: Json, *, known: bool) -> str:
    if seal is None:
        return (
            f"nobody with a key asked for step {call.step!r} ({call.node}): its run is forged, was started without "
            "RESOLUTE_PLAN_KEYS, or is sealed with a key that was removed; start it again, or restore the key"
        )
    if not known:
        return (
            f"step {call.step!r} ({call.node}) is sealed with a key that this worker does not have: "
            "give every worker the same RESOLUTE_PLAN_KEYS, and keep an old key until its runs have ended"
        )
    return f"the seal of step {call.step!r} ({call.node}) does not fit it: it was changed on the way, or forged"


def _holes_of(plan: Plan) -> Iterator[Hole]:
    for call in calls_in((*plan.steps, *plan.on_failure)):
        yield from _holes(call.node, cast("JsonObject", call.arguments))


def _holes(node: str, arguments: JsonObject) -> Iterator[Hole]:
    for argument, value in arguments.items():
        for operator, operands in expressions_in(value):
            if operator in HOLES:
                operand = operands[0]
                name = operand.get("name") if isinstance(operand, Mapping) else operand
                yield node, argument, operator, str(name)
