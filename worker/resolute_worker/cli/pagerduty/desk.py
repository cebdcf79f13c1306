"""What commands work with: PagerDuty's nodes, called as a worker calls them, without a run."""

from __future__ import annotations

import asyncio
import getpass
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, TypeVar, cast

import typer
from pydantic import TypeAdapter

from resolute.execution.executor import NodeExecutor
from resolute.plan.errors import (
    ConfigurationError,
    InvalidArgumentsError,
    MissingEnvironmentError,
    NodeError,
    NotGrantedError,
)
from resolute.plan.expressions import encode
from resolute.writing.node import Node
from resolute_worker.calling import Caller
from resolute_worker.cli.saying import say

if TYPE_CHECKING:
    from resolute.plan.values import JsonObject

R = TypeVar("R")

FLOW: Final = "terminal"
"""The name of a command's flow in the audit log."""

AccountName = Annotated[
    str | None,
    typer.Option("--account", help="The account to use, one of those in PAGERDUTY_ACCOUNTS.", show_default=False),
]


@dataclass(frozen=True)
class Desk:
    """A running command. Grants, checks and the audit log are those of a worker with the same settings.

    Attributes:
        caller: calls the nodes.
        account: one of the provider's accounts; None for the first.
        run_id: the same if a command is repeated with the same key, so that a write is done once.
    """

    caller: Caller
    account: str | None
    run_id: str

    async def run(self, node: Node[R]) -> R:
        """What a node returns.

        Raises:
            NodeError: PagerDuty refused, or the value is invalid.
        """
        arguments: dict[str, object] = dict(node.arguments)
        if self.account is not None:
            arguments["account"] = self.account
        output = await self.caller.call(
            node.definition.name,
            cast("JsonObject", encode(arguments)),
            run_id=self.run_id,
            step=node.name or node.default_name,
        )
        adapter: TypeAdapter[R] = TypeAdapter(node.definition.result_type)
        return adapter.validate_python(output, by_name=True)


def at_desk(work: Callable[[Desk], Awaitable[R]], *, account: str | None = None, key: str | None = None) -> R:
    """Does a command's work with the PagerDuty that the environment describes.

    Args:
        work: what to do.
        account: the name of one of the provider's accounts.
        key: identifies the command, so that repeating it does the work once.

    Raises:
        ConfigurationError: a setting is wrong or missing, or the command's arguments are wrong.
        NodeError: PagerDuty refused.
    """
    return asyncio.run(_at_desk(work, account, key))


async def _at_desk(work: Callable[[Desk], Awaitable[R]], account: str | None, key: str | None) -> R:
    from resolute_pagerduty import PagerDuty
    from resolute_pagerduty.errors import InvalidRequestError, MissingSettingError, UnauthorizedError

    async with PagerDuty.from_env() as provider:
        executor = NodeExecutor([], [provider])
        desk = Desk(Caller(executor, FLOW, say), account, key or f"{_user()}-{secrets.token_hex(6)}")
        try:
            return await work(desk)
        except NodeError as error:
            message = executor.failure_facts(error).message
            match error:
                case MissingSettingError() | UnauthorizedError() | NotGrantedError():
                    raise ConfigurationError(message) from None
                case InvalidRequestError() | InvalidArgumentsError() | MissingEnvironmentError():
                    raise ConfigurationError(message) from None
                case _:
                    raise NodeError(message) from None


def _user() -> str:
    """The user who runs the command, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process whose user has no name
        return "somebody"
