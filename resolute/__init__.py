"""Resolute: durable automation for the people who run services.

A flow is written once, becomes data once (`build()`), and is only read after that.
"""

from resolute.builder import FlowBuilder, branch, flow
from resolute.context import CallContext, State, current_call
from resolute.errors import (
    ConfigurationError,
    ExpressionError,
    FlowBuildError,
    FlowError,
    NodeError,
    NodeFailedError,
    ResoluteError,
    TerminalError,
)
from resolute.expressions import (
    Record,
    contains,
    env,
    failure,
    input_data,
    is_empty,
    matches,
    not_,
    now,
    one_of,
    output,
    previous,
    secret,
    text,
)
from resolute.flow import Flow
from resolute.node import Node, NodeFactory, node
from resolute.plan import Plan
from resolute.policies import Policy, Retry
from resolute.provider import Provider, SecretText
from resolute.triggers import every, manual, schedule, webhook
from resolute.verification import bearer_token, hmac_sha256, unverified

__all__ = [
    "CallContext",
    "ConfigurationError",
    "ExpressionError",
    "Flow",
    "FlowBuildError",
    "FlowBuilder",
    "FlowError",
    "Node",
    "NodeError",
    "NodeFactory",
    "NodeFailedError",
    "Plan",
    "Policy",
    "Provider",
    "Record",
    "ResoluteError",
    "Retry",
    "SecretText",
    "State",
    "TerminalError",
    "bearer_token",
    "branch",
    "contains",
    "current_call",
    "env",
    "every",
    "failure",
    "flow",
    "hmac_sha256",
    "input_data",
    "is_empty",
    "manual",
    "matches",
    "node",
    "not_",
    "now",
    "one_of",
    "output",
    "previous",
    "schedule",
    "secret",
    "text",
    "unverified",
    "webhook",
]
