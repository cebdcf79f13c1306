"""What engines know about a node, and what a provider implements."""

from __future__ import annotations

import inspect
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, Self, get_type_hints

from resolute.plan.errors import ResoluteError
from resolute.plan.inlets import Inlet
from resolute.plan.policies import Effect, Lane, Policy
from resolute.plan.shapes import plain_schema, shape_of_type
from resolute.plan.values import Json, digest


@dataclass(frozen=True)
class SecretMark:
    """Marks a parameter that takes a secret: a literal is refused when the flow is built."""


SecretText = Annotated[str, SecretMark()]


@dataclass(frozen=True)
class ButtonMark:
    """Marks a parameter that takes what decides a gate, whoever presses a button: `notify` gives its link for it."""


GateButton = Annotated[str, ButtonMark()]
"""What a button carries by which people decide a gate in the service of a provider; see `Provider.inlets`.

Unlike a link, which is for one person, it is no secret: it says which gate is meant, and the service who has pressed.
"""


@dataclass(frozen=True, kw_only=True)
class NodeDefinition:
    """A node as it was declared: its name (Temporal's activity type), its function, and its default policy.

    `provider` names the provider whose instance is the function's first argument; None for an author's own node.
    `queue` is the provider's queue whose rate limit applies to the node; None for no limit.
    `effect` is what the node does to the world; "write" unless its author says otherwise.
    `attempts` limits how often the function's own errors are retried, if that is less than the policy's limit.
    `leaves_word` says that repeating it is safe only because an attempt knows of the one before it, and what that one
    left in its heartbeat. The local lane has no heartbeat, and makes what was cut off again as a first attempt.
    `facts` are for readers of the reference, such as the scope that is needed.
    """

    name: str
    function: Callable[..., Any]
    policy: Policy = field(default_factory=Policy)
    lane: Lane = "activity"
    provider: str | None = None
    queue: str | None = None
    effect: Effect = "write"
    attempts: int | None = None
    leaves_word: bool = False
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The parameters that an author gives, in order."""
        found = list(inspect.signature(self.function).parameters.values())
        return {parameter.name: parameter for parameter in (found[1:] if self.provider else found)}

    @cached_property
    def types(self) -> Mapping[str, Any]:
        """The type of each parameter, and under `return` that of the result."""
        try:
            hints = get_type_hints(self.function, include_extras=True)
        except NameError as error:
            raise ResoluteError(
                f"node {self.name!r}: {error}; the types of a node must be importable where its function is defined"
            ) from None
        return {name: hints.get(name, Any) for name in (*self.parameters, "return")}

    @property
    def result_type(self) -> Any:
        """The type of the node's output."""
        return self.types["return"]

    @cached_property
    def contract(self) -> str:
        """A digest of what the node takes and gives; texts for people and values of defaults do not count."""
        takes: dict[str, Json] = {
            name: [
                parameter.kind.name,
                parameter.default is parameter.empty,
                plain_schema(shape_of_type(self.types[name], "validation").schema),
            ]
            for name, parameter in self.parameters.items()
        }
        return digest({"takes": takes, "gives": plain_schema(shape_of_type(self.result_type, "serialization").schema)})

    @property
    def says_result(self) -> bool:
        """Whether the function declares its return type; otherwise nothing about its output can be checked."""
        return inspect.signature(self.function).return_annotation is not inspect.Signature.empty

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def origin(self) -> str:
        """Where the function is defined, for messages."""
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', '')}"

    def same_as(self, other: NodeDefinition) -> bool:
        """Whether two definitions are the same node, even if a module was reloaded."""
        return self.function is other.function or self.origin == other.origin

    def is_secret(self, parameter: str) -> bool:
        """Whether the parameter takes a secret."""
        return _has_mark(self.types.get(parameter), SecretMark)

    def is_button(self, parameter: str) -> bool:
        """Whether the parameter takes what decides a gate."""
        return _has_mark(self.types.get(parameter), ButtonMark)


def _has_mark(annotation: Any, kind: type[SecretMark | ButtonMark]) -> bool:
    metadata: Sequence[object] = getattr(annotation, "__metadata__", ())
    if any(isinstance(mark, kind) for mark in metadata):
        return True
    return any(_has_mark(inner, kind) for inner in typing.get_args(annotation) if not isinstance(inner, str))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification says about a webhook delivery, and the HTTP status of the answer.

    `accepted` starts a run. `ignored` is answered with 2xx and starts none: a ping, or an event nobody asked for.
    `refused` does not prove its origin, or is not a delivery at all. `signed` is what the signature covers, and so what
    identifies a delivery: the body, with the signed headers; None if nothing is signed. `answer` is the body of the
    response where the sender expects a certain one, if no flow refuses the delivery.
    """

    outcome: Literal["accepted", "ignored", "refused"]
    status: int
    reason: str = ""
    signed: bytes | None = None
    answer: Mapping[str, Json] | None = None


ACCEPTED: Final = Verdict(outcome="accepted", status=202)


def accepted(signed: bytes, *, answer: Mapping[str, Json] | None = None) -> Verdict:
    """A genuine delivery, by a signature of these bytes."""
    return Verdict(outcome="accepted", status=202, signed=signed, answer=answer)


def ignored(reason: str) -> Verdict:
    """A genuine delivery that starts no run."""
    return Verdict(outcome="ignored", status=202, reason=reason)


def refused(reason: str, *, status: int = 403) -> Verdict:
    """A delivery that is not accepted. `reason` goes to the log, never to the sender."""
    return Verdict(outcome="refused", status=status, reason=reason)


class Verifier(Protocol):
    """The code behind a `Verification`, found by the name of its scheme. Pure: it never waits."""

    def __call__(
        self, settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> Verdict:
        """Checks one delivery.

        Args:
            settings: the verification as data, as in the plan's trigger.
            headers: the request's headers, their names in lower case.
            body: the raw bytes; a signature covers these, not anything parsed from them.
            secrets: the values of the secrets that `settings` refers to, in order.
        """
        ...


class Provider(ABC):
    """A service that flows use: its nodes, and the credentials and connections that they share.

    A worker opens each of its providers once (`async with`), and passes it to every call of its nodes.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        """Every node of the provider."""

    @classmethod
    def paging(cls, node: str, arguments: Mapping[str, Json]) -> Literal["paged", "resolved", ""]:
        """What a call of a node, with these arguments, did to somebody's pager, for the ledger; usually nothing."""
        return ""

    @property
    def ready(self) -> bool:
        """Whether the service can be reached with the settings that are there; agents are offered no others."""
        return True

    def refusal(self, node: NodeDefinition) -> str | None:
        """Why this instance may not run the node, or None if it may."""
        return None

    async def refused(self, node: NodeDefinition, error: type[ResoluteError]) -> None:
        """Called when a run asked for the node and was refused, for providers that log that; `error` says by what."""
        return

    @classmethod
    def verifications(cls) -> Mapping[str, Verifier]:
        """The schemes of webhook verification that the provider adds, each with its code."""
        return {}

    def inlets(self) -> Mapping[str, Inlet]:
        """What the service asks the worker by itself, such as clicks on buttons, by the path on the worker's server."""
        return {}

    def queues(self) -> Mapping[str, float]:
        """The queues of the provider's nodes, and how many of their calls may start per second.

        Each limit applies to all workers together. Source: Temporal's queue-wide rate limit.
        """
        return {}

    def secrets(self) -> Sequence[str]:
        """Secret values that this instance holds; they are masked wherever something is recorded."""
        return ()

    async def __aenter__(self) -> Self:
        """Opens connections."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes connections."""
        return
