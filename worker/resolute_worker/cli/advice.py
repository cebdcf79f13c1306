"""What to do about a failed run, in one line, from what failed and where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_CHECK_PAGERDUTY: Final = "check the key and its permissions with resolute pagerduty test, correct it on the worker"
_LATER: Final = "see status.pagerduty.com; once PagerDuty answers again"

_BY_TYPE: Final[Mapping[str, str]] = {
    "MissingEnvironmentError": "set the variable for the worker and start the worker again",
    "InvalidResultError": "make the node return what its annotation says, or correct the annotation",
    "InvalidArgumentsError": "correct what the flow gives the node, or the types of the node's parameters",
    "InvalidInputError": "start another run with an input that fits",
    "UnknownFlowError": "start a worker that has the flow, or run one that is known (resolute list)",
    "UnknownNodeError": "start a worker whose flows or providers have the node",
    "UnsealedPlanError": "set the workers' RESOLUTE_PLAN_KEYS where runs are started",
    "ResultTooLargeError": "return a reference to the data (an id, a URL)",
    "SecretInResultError": "return what later steps need of the secret, not the secret",
    "NotGrantedError": "grant it to the worker, or take the step out of the flow",
    "TimeoutError": "give the step more time with .timeout(...), or find out what it waits for",
    "UnauthorizedError": _CHECK_PAGERDUTY,
    "ForbiddenError": _CHECK_PAGERDUTY,
    "MissingSettingError": _CHECK_PAGERDUTY,
    "RateLimitedError": "lower PAGERDUTY_REQUESTS_PER_MINUTE, or find out who else uses the key; in a minute",
    "BadRequestError": "correct the arguments of the step, which PagerDuty refuses",
    "UnprocessableError": "correct the arguments of the step, which PagerDuty refuses",
    "InvalidRequestError": "correct the arguments of the step, which PagerDuty refuses",
    "NotFoundError": "correct the id or name that the step was given, or create what it names",
    **dict.fromkeys(
        ("ServerError", "BadGatewayError", "ServiceUnavailableError", "GatewayTimeoutError", "UnreachableError"), _LATER
    ),
}
_AFTERWARDS: Final = {"InvalidInputError", "UnknownFlowError", "UnsealedPlanError"}
"""Runs that never started: there is no step to retry."""

_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+)')


_LOST: Final = "the worker that ran it was lost"


def advice(error_type: str, trace: str, run: str, message: str = "") -> str:
    """What to do about a failure; `trace` has the author's lines that it came from, `message` is its text."""
    said = _BY_TYPE.get(error_type)
    if message.startswith(_LOST):
        said = "find out why the worker ended (its log, the memory of its machine), start one"
    if said is None:
        frames = _FRAME.findall(trace)
        said = f"mend {':'.join(frames[-1])}, and start the worker with it" if frames else "mend its cause"
    if error_type in _AFTERWARDS:
        return f"what to do: {said}"
    return f"what to do: {said}, then: resolute retry {run}"
