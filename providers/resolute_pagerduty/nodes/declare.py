"""How this provider declares its nodes: their facts come from the operations that they send."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

from resolute.plan.policies import Policy, Retry
from resolute.providing.grants import needed
from resolute.writing.node import NodeFactory, provider_node
from resolute_pagerduty.account.accounts import QUEUE, Accounts
from resolute_pagerduty.account.doubt import USUAL_SETTLE
from resolute_pagerduty.http.operations import Operation

READS: Final = "it only reads"
"""Why every read is safe to repeat."""

NOTHING: Final = "nothing"
"""The remaining risk where a repeat does what the first attempt did, or PagerDuty refuses it."""

LATE: Final = f"if PagerDuty carries out a lost request later than {USUAL_SETTLE:g} s after it was sent"
"""When it is not enough to look for the work of an earlier attempt; see `USUAL_SETTLE`."""

P = ParamSpec("P")
R = TypeVar("R")

REST_POLICY: Final = Policy(retry=Retry(attempts=15, initial=1, maximum=60), timeout=60)
"""Twelve minutes of attempts: a rate limit's window is a minute, PagerDuty's deployments and hiccups last a few."""

WALK_POLICY: Final = Policy(retry=Retry(attempts=15, initial=1, maximum=60), timeout=1800)
"""For walks over many pages."""

ALERT_POLICY: Final = Policy(retry=Retry(attempts=0, initial=1, maximum=120), timeout=60, within=12 * 3600)
"""An alert is retried for half a day: until PagerDuty, or the connection to it, is back."""

_FROM: Final = {True: "sent; PAGERDUTY_FROM_EMAIL, or the user that the credential belongs to", False: "not sent"}


def pagerduty_node(
    name: str,
    *operations: Operation,
    repeat: str,
    remains: str = "",
    policy: Policy = REST_POLICY,
    leaves_word: bool = False,
) -> Callable[[Callable[Concatenate[Accounts, P], Awaitable[R]]], NodeFactory[P, R]]:
    """Declares a node. Its first operation is its purpose; the others help it.

    Args:
        name: the documented name; the activity type is `pagerduty.` plus this.
        operations: every operation that the node may send.
        repeat: why it is safe to repeat.
        remains: for a write, what a repeat may still cause.
        policy: how it is retried.
        leaves_word: whether an attempt has to know of the one before it, also where none of the operations settles.
    """
    main = operations[0]
    queue = None if main.limit == "routing_key" else QUEUE  # alerts never wait behind a long queue of reads
    facts = {
        "operation": ", ".join(f"{each.method} {each.path}" for each in operations),
        "grant": ", ".join(needed([each.grant for each in operations])),
        "scope": ", ".join(dict.fromkeys(each.scope for each in operations if each.scope)) or "none",
        "from": _FROM[any(each.needs_from for each in operations)],
        "rate_limit": _limit(main),
        "repeat": repeat,
        **({"remains": remains} if remains else {}),
        "page": main.page,
    }
    effect = "read" if all(each.reads for each in operations) else "write"
    leaves_word = leaves_word or any(each.settles for each in operations)
    return provider_node(
        "pagerduty", name, policy=policy, queue=queue, effect=effect, leaves_word=leaves_word, facts=facts
    )


def _limit(operation: Operation) -> str:
    match operation.limit:
        case "credential":
            return "960 requests a minute for the credential"
        case "own":
            own = operation.own_rate or "not published"
            return f"one of its own ({own}), in addition to 960 requests a minute for the credential"
        case "routing_key":
            return "about 120 events a minute for the routing key"
