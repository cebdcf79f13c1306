"""How this provider declares its nodes: their facts come from the methods that they call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from pydantic import StringConstraints

from resolute.plan.policies import Policy, Retry
from resolute.providing.grants import needed
from resolute.writing.node import NodeFactory, provider_node
from resolute_slack.http.methods import POST, Method
from resolute_slack.workspace import QUEUE, Workspace

P = ParamSpec("P")
R = TypeVar("R")

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
"""Text that is not empty."""

Channel: TypeAlias = Annotated[str, StringConstraints(pattern=r"^(#[^\s#@]+|[A-Z][A-Z0-9]{5,})$")]
"""A channel: its id, such as `C0123456789`, or its name, such as `#ops`."""

Time: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+$")]
"""When a message was posted, as Slack writes it: `1718035200.000100`."""

Email: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$")]
"""The e-mail address of a member of the workspace."""

POLICY: Final = Policy(retry=Retry(attempts=15, initial=1, maximum=60), timeout=60)
"""Twelve minutes of attempts: Slack's limits are by the minute, its hiccups last a few."""

PEOPLE_POLICY: Final = Policy(retry=Retry(attempts=15, initial=1, maximum=60), timeout=300)
"""For messages to several people, one after another."""

READS: Final = "it only reads"
ONCE: Final = (
    "an attempt after one that may have posted looks for its message by the metadata that it carries, and posts none "
    "that is already there"
)
TWICE: Final = (
    "where the app may not read the channel (`channels:history`, `groups:history`, `im:history`, and it has to be a "
    "member), a message whose answer was lost is posted again, and `maybe_twice` says so"
)

_RATES: Final = {POST.name: "about one message a second for each channel"}


def slack_node(
    name: str, *methods: Method, repeat: str, remains: str = "", policy: Policy = POLICY
) -> Callable[[Callable[Concatenate[Workspace, P], Awaitable[R]]], NodeFactory[P, R]]:
    """Declares a node. Its first method is its purpose; the others help it.

    Args:
        name: the documented name; the activity type is `slack.` plus this.
        methods: every method that the node may call.
        repeat: why it is safe to repeat.
        remains: for a write, what a repeat may still cause.
        policy: how it is retried.
    """
    scopes = [each.scope for each in methods if each.scope != "none"]
    main = methods[0]
    facts = {
        "operation": ", ".join(f"{'GET' if each.reads else 'POST'} /{each.name}" for each in methods),
        "grant": ", ".join(needed([each.grant for each in methods])),
        "scope": ", ".join(dict.fromkeys(scopes)) or "none",
        "rate_limit": _RATES.get(main.name, "50 requests a minute for the method, or more"),
        "repeat": repeat,
        **({"remains": remains} if remains else {}),
        "page": main.page,
    }
    effect = "read" if all(each.reads for each in methods) else "write"
    return provider_node(
        "slack", name, policy=policy, queue=QUEUE, effect=effect, leaves_word=POST in methods, facts=facts
    )
