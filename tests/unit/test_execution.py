"""One call of one node: its holes, its arguments, its result, and what may be said of its errors."""

import threading
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from resolute import ConfigurationError, NodeFactory, ResoluteError, SecretText, current_call, node
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.plan.context import CallContext
from resolute.plan.errors import (
    InvalidArgumentsError,
    InvalidResultError,
    ResultTooLargeError,
    SecretInResultError,
    UnknownNodeError,
)

KEY = "s3cret-value-of-a-key"


class Part(BaseModel):
    part_name: str = Field(alias="partName")
    size: int = 0


@node
async def echo(value: Any) -> Any:
    return value


@node
async def take(part: Part, key: SecretText = "") -> Part:
    return part


@node
async def number() -> int:
    return "many"  # type: ignore[return-value]  # what it promises not to do


@node
async def locked() -> Any:
    return {"key": threading.Lock()}


@node
def where() -> bool:
    return threading.current_thread() is threading.main_thread()


@node
async def who() -> str:
    return current_call().idempotency_key


@node
def who_in_a_thread() -> str:
    return current_call().step


@node
async def leak(key: SecretText) -> dict[str, list[str]]:
    return {f"key {key}": [key, "fine"]}


@node
async def refuse(key: SecretText) -> None:
    raise OSError(f"401 for {key}")


async def run(
    factory: NodeFactory[..., Any], arguments: dict[str, Any] | None = None, executor: NodeExecutor | None = None
) -> Any:
    chosen = executor or NodeExecutor([factory.definition], environment=Environment({"KEY": KEY}))
    call = CallContext(flow="f", run_id="r", step="s", node=factory.definition.name)
    return await chosen.execute(call, arguments or {})


@pytest.mark.parametrize("name", ["part_name", "partName"])
async def test_models_are_given_by_field_name_or_alias(name: str) -> None:
    """Both are read; the output is by field name."""
    assert {"part_name": "a", "size": 1} == await run(take, {"part": {name: "a", "size": "1"}})


async def test_a_bad_argument_is_named_without_its_value() -> None:
    """Every field that does not fit is named; a value may be a secret, so none is shown."""
    with pytest.raises(InvalidArgumentsError) as caught:
        await run(take, {"part": {"part_name": "a", "size": "hunter2"}, "key": 7})

    assert str(caught.value) == (
        "node 'take' does not accept its input: "
        "part.size: Input should be a valid integer, unable to parse string as an integer; "
        "key: Input should be a valid string"
    )


async def test_a_missing_argument_is_named() -> None:
    """What has a default may be left out, the rest may not."""
    with pytest.raises(InvalidArgumentsError, match=r"node 'take' does not accept its input: part: is missing$"):
        await run(take)


async def test_a_bad_result_is_refused_without_its_value() -> None:
    """A node keeps its word, or the step fails for good."""
    with pytest.raises(
        InvalidResultError,
        match="node 'number' returned a value that does not fit its return type: value: Input should",
    ):
        await run(number)
    with pytest.raises(InvalidResultError, match="node 'locked' returned a value that has no JSON form"):
        await run(locked)


async def test_a_result_that_is_too_large_says_what_to_do() -> None:
    """The size is checked before the server refuses it."""
    with pytest.raises(ResultTooLargeError, match="return a reference to the data"):
        await run(echo, {"value": "x" * (2 * 1024 * 1024)})


async def test_a_plain_function_runs_in_a_thread() -> None:
    """It may block without holding up anybody."""
    assert await run(where) is False


async def test_a_node_knows_its_call() -> None:
    """In a coroutine and in a thread; nobody else is in a call."""
    assert "f/r/s" == await run(who)
    assert "s" == await run(who_in_a_thread)


def test_there_is_no_call_outside_of_a_node() -> None:
    """It is said where it can be used."""
    with pytest.raises(ResoluteError, match="only works inside a node"):
        current_call()


async def test_a_secret_reaches_the_node_and_nobody_else() -> None:
    """A node that returns it fails, for good, and nothing of the result is recorded."""
    with pytest.raises(SecretInResultError) as caught:
        await run(leak, {"key": {"$secret": "KEY"}})

    assert KEY not in str(caught.value)
    assert caught.value.retryable is False


async def test_a_secret_is_masked_in_errors() -> None:
    """What an engine records of an error does not hold it."""
    executor = NodeExecutor([refuse.definition], environment=Environment({"KEY": KEY}))
    with pytest.raises(OSError, match="401") as caught:
        await run(refuse, {"key": {"$secret": "KEY"}}, executor)
    facts = executor.failure_facts(caught.value)

    assert ("OSError", "401 for ***", True) == (facts.error_type, facts.message, facts.retryable)


async def test_an_unknown_node_may_be_known_elsewhere() -> None:
    """Another worker on the queue may have it, so it is tried again."""
    with pytest.raises(UnknownNodeError, match="knows node 'echo'") as caught:
        await run(echo, {}, NodeExecutor([]))

    assert caught.value.retryable


def test_two_nodes_of_one_name_are_refused() -> None:
    """One of them would run in place of the other."""

    @node(name="echo")
    async def other() -> None: ...

    with pytest.raises(ConfigurationError, match="two different nodes are called 'echo'"):
        NodeExecutor([echo.definition, other.definition])


async def test_data_of_other_steps_is_no_expression() -> None:
    """What a step returned is passed on as it is, whatever its keys are."""
    assert {"$secret": "KEY"} == await run(echo, {"value": {"$$secret": "KEY"}})


class Account(BaseModel):
    token: SecretStr


@node
async def account() -> Account:
    return Account(token=SecretStr(KEY))


async def test_a_secret_field_of_a_result_is_masked() -> None:
    """Pydantic's own secrets are never written out."""
    assert KEY not in str(await run(account))


async def test_a_parameter_that_is_gone_is_a_clear_and_final_error() -> None:
    """A run in flight may give what the function no longer takes: it says so, and what to do."""

    @node
    async def renamed(service: str) -> str:
        return service

    executor = NodeExecutor([renamed("x").definition])
    with pytest.raises(InvalidArgumentsError) as raised:
        await executor.execute(
            CallContext(flow="f", run_id="r", step="s", node="renamed"), {"service": "api", "region": "eu"}
        )

    assert "region: the node has no such parameter" in str(raised.value)
    assert "keep the parameter until such runs have ended" in str(raised.value)
    assert executor.failure_facts(raised.value).retryable is False
