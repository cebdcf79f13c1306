"""Runs one node once: fills the holes, checks the arguments, calls the function, checks the result.

Every engine calls nodes through here, so that a node behaves the same under test and in production.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from resolute.execution.decisions import decision_for
from resolute.execution.guard import EscapeError, guarded, in_thread
from resolute.execution.masking import MASK
from resolute.execution.secrets import Environment
from resolute.execution.trace import trace_of
from resolute.plan.context import CallContext, enter_call
from resolute.plan.errors import (
    ConfigurationError,
    FlowError,
    InvalidArgumentsError,
    InvalidResultError,
    LastAttemptError,
    NodeError,
    NotGrantedError,
    ResultTooLargeError,
    SecretInResultError,
    UnknownNodeError,
)
from resolute.plan.limits import PAYLOAD_LIMIT, problem_of, recorded_size
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.texts import NAME_LIMIT, said_by, shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.evaluate import Scope, evaluate
from resolute.writing.decision import EVALUATE
from resolute.writing.flow import Flow


@dataclass(frozen=True, kw_only=True)
class FailureFacts:
    """What an engine needs to know of an error that a node raised. Free of secrets.

    `trace` are the lines of the author's code that it came from. `error` is the error itself, which may hold secrets:
    for a test's author alone, never for a record.
    """

    error_type: str
    message: str
    retryable: bool
    retry_after: timedelta | None = None
    trace: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)


class NodeExecutor:
    """The nodes that a process can run, with the providers and the environment that they need."""

    def __init__(
        self,
        definitions: Iterable[NodeDefinition],
        providers: Iterable[Provider] = (),
        environment: Environment | None = None,
    ) -> None:
        self.environment = environment or Environment()
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
        """An executor of every node of these flows, of the providers, and of `extra`."""
        found = [definition for flow in flows for definition in flow.nodes.values()]
        return cls([*found, *extra], providers, environment)

    def _add(self, definitions: Iterable[NodeDefinition]) -> None:
        for definition in definitions:
            known = self.definitions.setdefault(definition.name, definition)
            if not definition.same_as(known):
                raise ConfigurationError(
                    f"two different nodes are called {definition.name!r} "
                    f"({known.origin} and {definition.origin}): give one another name with @node(name=...)"
                )

    async def execute(self, call: CallContext, arguments: JsonObject) -> Json:
        """Runs a node with arguments as the interpreter prepared them, and gives its output as JSON.

        Raises:
            NodeError: the node cannot run here, or its arguments or result are not what it declared.
            EscapeError: the node raised what would have ended the process, or cancelled itself.
            Exception: whatever else the node raised.
        """
        return await guarded(lambda: self._executed(call, arguments))

    async def _executed(self, call: CallContext, arguments: JsonObject) -> Json:
        definition = self.definitions.get(call.node) or decision_for(call, self.definitions)
        if definition is None:
            raise UnknownNodeError(
                f"no worker that was asked knows node {call.node!r}: start one whose flows or providers have it"
            )
        call = self._watched(call)
        enter_call(call)  # first of all: a provider that refuses the node says in its audit log who asked
        try:
            function = self.function_for(definition, call)
        except NotGrantedError:
            if definition.provider:
                await self.providers[definition.provider].refused(definition)
            raise
        filled = cast("JsonObject", evaluate(arguments, Scope(read=self.environment.read)))
        values = _validated(definition, filled)
        try:
            if inspect.iscoroutinefunction(definition.function):
                result: object = function(**values)
            else:
                result = await in_thread(function, values)
            if inspect.isawaitable(result):
                result = await result
        except BaseException as error:
            self._remember(definition)
            exhausted = definition.attempts is not None and call.attempt >= definition.attempts
            if exhausted and isinstance(error, Exception):
                raise LastAttemptError(error) from error
            raise
        self._remember(definition)
        output = _dumped(definition, result)
        if problem := problem_of(output):
            raise InvalidResultError(f"node {call.node!r} returned what cannot be recorded: {problem}")
        if place := self.environment.secret_in(output):
            raise SecretInResultError(
                f"node {call.node!r} returned a secret at {place}, which would stay in the history of the run: "
                "return what later steps need of it (an id, a yes or no), and let them read secret('NAME') themselves"
            )
        size = recorded_size(output)
        if size > PAYLOAD_LIMIT:
            raise ResultTooLargeError(
                f"node {call.node!r} returned {size:,} bytes, Temporal takes {PAYLOAD_LIMIT:,}: "
                "return a reference to the data (an id, a URL) instead"
            )
        return output

    def _watched(self, call: CallContext) -> CallContext:
        """The call as its node sees it: whatever the node says on the way is kept free of secrets."""

        def heartbeat(*details: Json) -> None:
            # These flow on to the next attempt: only what is a secret for certain is left out.
            call.heartbeat(*[MASK if self.environment.secret_in(repr(each)) else each for each in details])

        def keep_secret(value: str) -> None:
            self.environment.remember([value])

        return replace(call, heartbeat=heartbeat, keep_secret=keep_secret)

    def _remember(self, definition: NodeDefinition) -> None:
        """Asks a provider again what it must not show: it may have fetched a token on the way."""
        if definition.provider is not None and definition.provider in self.providers:
            self.environment.remember(self.providers[definition.provider].secrets())

    def function_for(self, definition: NodeDefinition, call: CallContext) -> Callable[..., Any]:
        """What to call for a node: its function, with the provider's instance where it is a provider's.

        Raises:
            UnknownNodeError: the provider is not here.
            NotGrantedError: the provider was not granted what the node does.
        """
        if definition.provider is None:
            return definition.function
        provider = self.providers.get(definition.provider)
        if provider is None:
            raise UnknownNodeError(
                f"node {definition.name!r} needs provider {definition.provider!r}, which this worker was not given"
            )
        reason = provider.refusal(definition)
        if reason is not None:
            raise NotGrantedError(reason)
        return partial(definition.function, provider)

    def failure_facts(self, error: BaseException) -> FailureFacts:
        """An error as the engines record it: named by its class, without secrets."""
        if isinstance(error, LastAttemptError):
            return replace(self.failure_facts(error.error), retryable=False)
        error = error.error if isinstance(error, EscapeError) else error
        message = shortened(self.environment.mask(said_by(error)))  # masked whole: half a secret would not be found
        trace = shortened(self.environment.mask(trace_of(error, self.environment.mask)))
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
        # A FlowError in a node comes of the plan, so it would come again.
        return FailureFacts(
            error_type=error_type,
            message=message,
            retryable=not isinstance(error, FlowError),
            trace=trace,
            error=error,
        )


@lru_cache(maxsize=4096)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _adapter_of(annotation: Any) -> TypeAdapter[Any]:
    try:
        return _adapter(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return TypeAdapter(annotation)


def _validated(definition: NodeDefinition, arguments: Mapping[str, Json]) -> dict[str, object]:
    values: dict[str, object] = {}
    mistakes: list[str] = []
    any_name = any(each.kind is each.VAR_KEYWORD for each in definition.parameters.values())
    for name, value in arguments.items():
        if name not in definition.parameters and not any_name:
            mistakes.append(
                f"{name}: the node has no such parameter, and the run's plan gives it "
                "(it is of another version of the flow: keep the parameter until such runs have ended)"
            )
            continue
        annotation = definition.types.get(name, Any)
        if annotation is Any:
            values[name] = value
            continue
        try:
            values[name] = _adapter_of(annotation).validate_python(value, by_name=True, by_alias=True)
        except ValidationError as error:
            mistakes += _spoken(name, error)
    missing = [
        name
        for name, parameter in definition.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and name not in arguments
    ]
    mistakes += [f"{name}: is missing" for name in missing]
    if mistakes:
        raise InvalidArgumentsError(f"node {definition.name!r} does not take its input: {'; '.join(mistakes)}")
    return values


def _dumped(definition: NodeDefinition, result: object) -> Json:
    annotation = definition.result_type
    adapter = _adapter_of(Any if annotation is None else annotation) if result is not None else _adapter_of(annotation)
    try:
        checked = adapter.validate_python(result, by_name=True, by_alias=True)
        return cast("Json", adapter.dump_python(checked, mode="json", by_alias=False, warnings="error"))
    except ValidationError as error:
        fields = "; ".join(_spoken("", error))
        raise InvalidResultError(f"node {definition.name!r} returned what its type refuses: {fields}") from None
    except PydanticSerializationError as error:
        raise InvalidResultError(f"node {definition.name!r} returned a value that has no JSON form: {error}") from None


def _spoken(name: str, error: ValidationError) -> list[str]:
    """What pydantic found, by field, without the values: one of them may be a secret."""
    found: list[str] = []
    for detail in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in ([name] if name else []) + list(detail["loc"]))
        found.append(f"{where or 'value'}: {detail['msg']}")
    return found
