"""How a node of this provider is declared: its facts come from the operations that it sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

from resolute.plan.policies import Policy, Retry
from resolute.writing.node import NodeFactory, provider_node
from resolute_pagerduty.account.accounts import QUEUE, Accounts
from resolute_pagerduty.account.doubt import USUAL_SETTLE
from resolute_pagerduty.http.operations import Operation

READS: Final = "it only reads"
"""Why every read is safe to repeat."""

NOTHING: Final = "nothing"
"""What remains of a repeat that does what the first attempt did, or that PagerDuty refuses."""

LATE: Final = f"where PagerDuty carries out a lost request later than {USUAL_SETTLE:g} s after it was sent"
"""When looking for the work of an earlier attempt is not enough; see `USUAL_SETTLE`."""

P = ParamSpec("P")
R = TypeVar("R")

REST_POLICY: Final = Policy(retry=Retry(attempts=15, initial=1, maximum=60), timeout=60)
"""Twelve minutes of tries: a rate limit's window is a minute, PagerDuty's deploys and hiccups last a few."""

WALK_POLICY: Final = Policy(retry=Retry(attempts=15, initial=1, maximum=60), timeout=1800)
"""For walks over many pages."""

ALERT_POLICY: Final = Policy(retry=Retry(attempts=0, initial=1, maximum=120), timeout=60, within=12 * 3600)
"""An alert is worth trying for half a day: until PagerDuty or the way to it is back."""

_FROM: Final = {True: "sent; PAGERDUTY_FROM_EMAIL, or the user that the credential belongs to", False: "not sent"}


def pagerduty_node(
    name: str, *operations: Operation, repeat: str, remains: str = "", policy: Policy = REST_POLICY
) -> Callable[[Callable[Concatenate[Accounts, P], Awaitable[R]]], NodeFactory[P, R]]:
    """Declares a node. Its first operation is the one that it is for; the others help it.

    Args:
        name: the documented name; the activity type is `pagerduty.` and this.
        operations: every operation that the node may send.
        repeat: why it is safe to repeat.
        remains: for a write, what may come of a repeat all the same.
        policy: how it is tried.
    """
    main = operations[0]
    queue = None if main.limit == "routing_key" else QUEUE  # alerts never wait behind a long row of reads
    facts = {
        "operation": ", ".join(f"{each.method} {each.path}" for each in operations),
        "grant": ", ".join(_needed(operations)),
        "scope": ", ".join(dict.fromkeys(each.scope for each in operations if each.scope)) or "none",
        "from": _FROM[any(each.needs_from for each in operations)],
        "rate_limit": _limit(main),
        "repeat": repeat,
        **({"remains": remains} if remains else {}),
        "page": main.page,
    }
    return provider_node("pagerduty", name, policy=policy, queue=queue, facts=facts)


def _limit(operation: Operation) -> str:
    match operation.limit:
        case "credential":
            return "960 requests a minute for the credential"
        case "own":
            own = operation.own_rate or "not published"
            return f"one of its own ({own}), besides 960 requests a minute for the credential"
        case "routing_key":
            return "about 120 events a minute for the routing key"


def _needed(operations: tuple[Operation, ...]) -> list[str]:
    """The grants, without a read of what is written as well: to write is also to read."""
    grants = list(dict.fromkeys(each.grant for each in operations))
    written = {grant.removesuffix(":write") for grant in grants if grant.endswith(":write")}
    return [grant for grant in grants if not (grant.endswith(":read") and grant.removesuffix(":read") in written)]
