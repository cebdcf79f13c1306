"""Runs one node once: resolves and checks its arguments, calls its function, checks the result.

Every engine calls nodes through here, so a node behaves the same in tests and in production.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeAlias, cast

from resolute.execution.boundary import arguments_for, output_of
from resolute.execution.decisions import decision_for
from resolute.execution.dry import COMPUTES_WITH_NOTHING, LOOKS_AT_NOTHING, WRITES, not_done, refused_write
from resolute.execution.guard import EscapeError, guarded, in_thread
from resolute.execution.masking import MASK
from resolute.execution.secrets import Environment
from resolute.execution.trace import declared_at, trace_of
from resolute.plan.context import Answered, CallContext, enter_call
from resolute.plan.errors import (
    BrakedError,
    ConfigurationError,
    FlowError,
    InvalidResultError,
    LastAttemptError,
    NodeError,
    NotGrantedError,
    ResoluteError,
    UnknownNodeError,
)
from resolute.plan.hours import is_during
from resolute.plan.made_up import is_made_up
from resolute.plan.policies import Effect
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.texts import NAME_LIMIT, said_by, shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.dry import DryAnswer
from resolute.running.evaluate import Scope, evaluate
from resolute.running.made import STOPPED, CallStoppedError
from resolute.running.switches import Stop, braking, still, stop_of
from resolute.writing.decision import EVALUATE
from resolute.writing.flow import Flow


@dataclass(frozen=True, kw_only=True)
class FailureFacts:
    """What an engine needs to know about an error that a node raised. Contains no secrets.

    `trace` has the lines of the author's code that it came from. `error` is the error itself, which may contain
    secrets: it is only for a test's author, never for a record.
    """

    error_type: str
    message: str
    retryable: bool
    retry_after: timedelta | None = None
    trace: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)


Observe: TypeAlias = Callable[[CallContext, JsonObject, str, float], None]
"""Who is told of each attempt: its call and arguments, how it ended, and how many seconds it took."""


class Traces(Protocol):
    """Who traces attempts, and the requests that nodes send in them."""

    def attempt(self, call: CallContext) -> AbstractContextManager[Callable[[str], None]]:
        """Traces an attempt for the length of a `with`; what it gives is told how the attempt ended."""
        ...

    def request(self, method: str, url: str) -> AbstractContextManager[Answered]:
        """Traces a request; see `resolute.plan.context.traced_request`."""
        ...


class NodeExecutor:
    """The nodes that a process can run, with the providers and the environment that they need."""

    def __init__(
        self,
        definitions: Iterable[NodeDefinition],
        providers: Iterable[Provider] = (),
        environment: Environment | None = None,
    ) -> None:
        self.environment = environment or Environment()
        self.observe: Observe | None = None
        self.traces: Traces | None = None
        self.providers: dict[str, Provider] = {provider.name: provider for provider in providers}
        self.definitions: dict[str, NodeDefinition] = {EVALUATE.name: EVALUATE}
        for provider in self.providers.values():
            self.environment.remember(provider.secrets())
            self._add(provider.nodes())
        self._add(definitions)

    @classmethod
    def for_flows(
        cls,
        flows: Iterable[Flow],
        providers: Iterable[Provider] = (),
        environment: Environment | None = None,
        extra: Iterable[NodeDefinition] = (),
    ) -> NodeExecutor:
        """An executor for every node of these flows, of the providers, and of `extra`."""
        found = [definition for flow in flows for definition in flow.nodes.values()]
        return cls([*found, *extra], providers, environment)

    def _add(self, definitions: Iterable[NodeDefinition]) -> None:
        for definition in definitions:
            known = self.definitions.setdefault(definition.name, definition)
            if not definition.same_as(known):
                raise ConfigurationError(
                    f"two different nodes are called {definition.name!r} "
                    f"({known.origin} and {definition.origin}): rename one of them with @node(name=...)"
                )

    async def execute(self, call: CallContext, arguments: JsonObject) -> Json:
        """Runs a node with arguments as the interpreter prepared them, and returns its output as JSON.

        Raises:
            CallStoppedError: a switch stops the call; it is to be made later.
            NodeError: the node cannot run here, or its arguments or result are not what it declared.
            EscapeError: the node raised something that would have ended the process, or cancelled itself.
            Exception: anything else that the node raised.
        """
        if self.traces is None:
            return await self._observed(call, arguments)
        with self.traces.attempt(call) as ended:
            outcome = "failed"
            try:
                output = await self._observed(replace(call, traced=self.traces.request), arguments)
                outcome = "completed"
                return output
            except CallStoppedError:
                outcome = "stopped"
                raise
            finally:
                ended(outcome)

    async def _observed(self, call: CallContext, arguments: JsonObject) -> Json:
        if self.observe is None:
            return await guarded(lambda: self._executed(call, arguments))
        began, outcome = monotonic(), "failed"
        try:
            output = await guarded(lambda: self._executed(call, arguments))
            outcome = "completed"
            return output
        except CallStoppedError:
            outcome = "stopped"
            raise
        finally:
            self.observe(call, arguments, outcome, monotonic() - began)

    async def _executed(self, call: CallContext, arguments: JsonObject) -> Json:
        definition = self.definitions.get(call.node) or decision_for(call, self.definitions)
        if definition is None:
            raise UnknownNodeError(
                f"no worker that was asked knows node {call.node!r}: start one whose flows or providers have it"
            )
        braked: list[Stop] = []
        call = replace(self._watched(call), check_brake=lambda: self._check_brake(braked))
        enter_call(call)  # comes first, because a provider that refuses the node writes the caller to its audit log
        await self._check_switches(definition, call)
        try:
            function = self.function_for(definition, call)
        except NotGrantedError:
            await self._tell_refused(definition, NotGrantedError)
            raise
        filled = cast("JsonObject", evaluate(arguments, self.reading(call)))
        try:
            if call.dry:
                return await self._dry(definition, function, call, filled)
            result = await self._made(definition, function, call, arguments_for(definition, filled))
        except Exception:
            if braked:
                raise CallStoppedError(braked[0], begun=True) from None
            raise
        output = output_of(definition, result, self.environment)
        if isinstance(output, dict) and STOPPED in output:
            raise InvalidResultError(f"node {definition.name!r} returned an object with {STOPPED!r}, which is reserved")
        return output

    async def _dry(
        self, definition: NodeDefinition, function: Callable[..., Any], call: CallContext, arguments: JsonObject
    ) -> Json:
        """What a call of a dry run is answered with; see `resolute.execution.dry`."""
        guesses = is_made_up(arguments)
        if guesses and definition.effect != "pure":
            return not_done(definition, self.environment, WRITES if definition.effect == "write" else LOOKS_AT_NOTHING)
        try:
            values = arguments_for(definition, arguments)
            if definition.effect == "write":
                return not_done(definition, self.environment, WRITES)
            result = await self._made(definition, function, call, values)
            return DryAnswer(output_of(definition, result, self.environment)).as_json()
        except Exception as error:
            why = refused_write(definition, error) or (guesses and COMPUTES_WITH_NOTHING)
            if not why:
                raise
            return not_done(definition, self.environment, why)

    async def _made(
        self, definition: NodeDefinition, function: Callable[..., Any], call: CallContext, values: dict[str, object]
    ) -> object:
        """What the node returned.

        Raises:
            LastAttemptError: it failed, and the definition allows no further attempt.
            Exception: anything else that the node raised.
        """
        try:
            if inspect.iscoroutinefunction(definition.function) or inspect.iscoroutinefunction(function):
                result: object = function(**values)
            else:
                result = await in_thread(function, values)
            if inspect.isawaitable(result):
                result = await result
        except BaseException as error:
            self._remember(definition)
            exhausted = definition.attempts is not None and call.attempt - call.earlier >= definition.attempts
            if exhausted and isinstance(error, Exception):
                raise LastAttemptError(error) from error
            raise
        self._remember(definition)
        return result

    def still(self, stop: Stop, flows: Sequence[str]) -> Stop | None:
        """What now stops a call that was stopped, of a run of these flows; None where it may be made."""
        return still(stop, self.environment.switches(), flows)

    async def _check_switches(self, definition: NodeDefinition, call: CallContext) -> None:
        stop = stop_of(
            self.environment.switches(),
            (call.flow, *call.flows),
            "read" if call.dry else definition.effect,
            begun=not call.is_first,
            lifted=call.lifted,
        )
        if stop is None:
            return
        if stop.why != "pause":
            await self._tell_refused(definition, BrakedError)
        raise CallStoppedError(stop)

    def _check_brake(self, braked: list[Stop]) -> None:
        """What `CallContext.check_brake` does: a node that is refused a write is stopped, whatever it makes of that."""
        stop = braking(self.environment.switches())
        if stop is not None:
            braked.append(stop)
            raise BrakedError

    async def _tell_refused(self, definition: NodeDefinition, error: type[ResoluteError]) -> None:
        provider = self.providers.get(definition.provider or "")
        if provider is not None:
            await provider.refused(definition, error)

    def reading(self, call: CallContext) -> Scope:
        """What fills the holes in the arguments of a call."""

        def read(operator: str, operand: Json) -> Json:
            if operator == "$link":
                return self.environment.link(call, cast("JsonObject", operand))
            if operator == "$button":
                return self.environment.button(call, cast("JsonObject", operand))
            if operator == "$during":
                return is_during(operand)
            return self.environment.read(operator, operand)

        return Scope(read=read)

    def _watched(self, call: CallContext) -> CallContext:
        """The call as its node sees it: secrets are kept out of everything the node reports."""

        def heartbeat(*details: Json) -> None:
            # These go to the next attempt: only what is certainly a secret is left out.
            call.heartbeat(*[MASK if self.environment.secret_in(repr(each)) else each for each in details])

        def keep_secret(value: str) -> None:
            self.environment.remember([value])

        return replace(call, heartbeat=heartbeat, keep_secret=keep_secret)

    def _remember(self, definition: NodeDefinition) -> None:
        """Asks a provider again for its secrets: it may have fetched a token during the call."""
        if definition.provider is not None and definition.provider in self.providers:
            self.environment.remember(self.providers[definition.provider].secrets())

    def effect_of(self, call: CallContext) -> Effect:
        """What the node of a call does to the world, as this worker's own code says, whatever the run's plan says.

        A node that the worker does not have is taken for one that writes.
        """
        definition = self.definitions.get(call.node) or decision_for(call, self.definitions)
        return "write" if definition is None else definition.effect

    def function_for(self, definition: NodeDefinition, call: CallContext) -> Callable[..., Any]:
        """What to call for a node: its function, with the provider's instance if it belongs to a provider.

        Raises:
            UnknownNodeError: this worker does not have the provider.
            NotGrantedError: the provider lacks a grant that the node needs.
        """
        if definition.provider is None:
            return definition.function
        provider = self.providers.get(definition.provider)
        if provider is None:
            raise UnknownNodeError(
                f"node {definition.name!r} needs provider {definition.provider!r}, which this worker does not have"
            )
        reason = provider.refusal(definition)
        if reason is not None:
            raise NotGrantedError(reason)
        return partial(definition.function, provider)

    def failure_facts(self, error: BaseException, node: str = "") -> FailureFacts:
        """An error as the engines record it: named by its class, without secrets.

        An error that does not come from a line of the author's, such as a result of the wrong type, gets the place
        where the node is declared.
        """
        if isinstance(error, LastAttemptError):
            return replace(self.failure_facts(error.error, node), retryable=False)
        error = error.error if isinstance(error, EscapeError) else error
        message = shortened(
            self.environment.mask(said_by(error))
        )  # masked before cutting: half a secret would not be found
        definition = self.definitions.get(node)
        place = declared_at(definition.function) if definition and definition.provider is None else ""
        trace = shortened(self.environment.mask(trace_of(error, self.environment.mask) or place))
        error_type = shortened(self.environment.mask(type(error).__name__), NAME_LIMIT)
        if isinstance(error, NodeError):
            return FailureFacts(
                error_type=error_type,
                message=message,
                retryable=error.retryable,
                retry_after=error.retry_after,
                trace=trace,
                error=error,
            )
        # A FlowError in a node comes from the plan, so it would happen again.
        return FailureFacts(
            error_type=error_type,
            message=message,
            retryable=not isinstance(error, FlowError),
            trace=trace,
            error=error,
        )
