"""What a node is to those who run it, and what a provider promises."""

from __future__ import annotations

import inspect
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal, Protocol, Self, get_type_hints

from resolute.plan.errors import ResoluteError
from resolute.plan.policies import Lane, Policy


@dataclass(frozen=True)
class SecretMark:
    """Marks a parameter that takes a secret: a literal is refused when the flow is built."""


SecretText = Annotated[str, SecretMark()]


@dataclass(frozen=True, kw_only=True)
class NodeDefinition:
    """A node as it was declared: its name (Temporal's activity type), its function, how it is tried by default.

    `provider` names the provider whose instance is the function's first argument; None for an author's own node.
    `queue` is the one of the provider's queues whose rate limit the node starts under; None for no limit.
    `attempts` is how often an error of the function's own is tried, where that is less than the policy says.
    `facts` are what a reader of the reference wants to know, such as the scope that is needed.
    """

    name: str
    function: Callable[..., Any]
    policy: Policy = field(default_factory=Policy)
    lane: Lane = "activity"
    provider: str | None = None
    queue: str | None = None
    attempts: int | None = None
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

    @property
    def says_result(self) -> bool:
        """Whether the function says what it returns; without that, nothing can be checked of its output."""
        return inspect.signature(self.function).return_annotation is not inspect.Signature.empty

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def origin(self) -> str:
        """Where the function stands, for messages."""
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', '')}"

    def same_as(self, other: NodeDefinition) -> bool:
        """Whether two definitions are the same node, also where a module was loaded anew."""
        return self.function is other.function or self.origin == other.origin

    def is_secret(self, parameter: str) -> bool:
        """Whether the parameter takes a secret."""
        return _has_mark(self.types.get(parameter))


def _has_mark(annotation: Any) -> bool:
    metadata: Sequence[object] = getattr(annotation, "__metadata__", ())
    if any(isinstance(mark, SecretMark) for mark in metadata):
        return True
    return any(_has_mark(inner) for inner in typing.get_args(annotation) if not isinstance(inner, str))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a verification says of a webhook delivery, and the HTTP status that answers it.

    `accepted` starts a run. `ignored` is answered with 2xx and starts none: a ping, or an event nobody asked for.
    `refused` does not prove where it comes from, or is no delivery at all. `signed` is what the proof covers, and so
    what tells deliveries apart: the body, with the headers that are signed beside it; None where nothing is signed.
    """

    outcome: Literal["accepted", "ignored", "refused"]
    status: int
    reason: str = ""
    signed: bytes | None = None


ACCEPTED: Final = Verdict(outcome="accepted", status=202)


def accepted(signed: bytes) -> Verdict:
    """A genuine delivery, by a signature of these bytes."""
    return Verdict(outcome="accepted", status=202, signed=signed)


def ignored(reason: str) -> Verdict:
    """A genuine delivery that starts no run."""
    return Verdict(outcome="ignored", status=202, reason=reason)


def refused(reason: str, *, status: int = 403) -> Verdict:
    """A delivery that is not taken. `reason` goes to the log, never to the sender."""
    return Verdict(outcome="refused", status=status, reason=reason)


class Verifier(Protocol):
    """The code behind a `Verification`, found by the name of its scheme. Pure: it never waits."""

    def __call__(
        self, settings: Mapping[str, Any], headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> Verdict:
        """Judges one delivery.

        Args:
            settings: the verification as data, as it stands in the plan's trigger.
            headers: the request's headers, their names in lower case.
            body: the raw bytes; a signature is of these and of nothing that was parsed from them.
            secrets: the values of the secrets that `settings` refers to, in order.
        """
        ...


class Provider(ABC):
    """A service that flows work with: its nodes, and the credentials and connections that they share.

    A worker enters each of its providers once (`async with`), and passes it to every call of its nodes.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        """Every node of the provider."""

    def refusal(self, node: NodeDefinition) -> str | None:
        """Why this instance may not run the node, or None where it may."""
        return None

    async def refused(self, node: NodeDefinition) -> None:
        """Told that a run asked for the node and was refused: for providers that keep a log of that."""
        return

    @classmethod
    def verifications(cls) -> Mapping[str, Verifier]:
        """The schemes of webhook verification that the provider adds, each with its code."""
        return {}

    def queues(self) -> Mapping[str, float]:
        """The queues that nodes of the provider are put on, and how many of their calls may start per second.

        Each limit holds for all workers together. Source: Temporal's queue-wide rate limit.
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
