"""Resolute: durable automation for on-call teams.

A flow is written in Python, `build()` turns it into data (a plan) once, and the plan is only read after that.
"""

from resolute.plan.context import CallContext, State, current_call
from resolute.plan.errors import (
    ConfigurationError,
    ExpressionError,
    FlowBuildError,
    FlowError,
    NodeError,
    NodeFailedError,
    ResoluteError,
    TerminalError,
)
from resolute.plan.expressions import (
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
from resolute.plan.failing import Failure
from resolute.plan.once import by_field, by_header
from resolute.plan.plan import Plan
from resolute.plan.policies import Policy, Retry
from resolute.plan.provider import Provider, SecretText
from resolute.plan.triggers import every, manual, schedule, webhook
from resolute.plan.verification import bearer_token, hmac_sha256, unverified
from resolute.writing.builder import FlowBuilder, branch, flow
from resolute.writing.flow import Flow
from resolute.writing.node import Node, NodeFactory, node

__all__ = [
    "CallContext",
    "ConfigurationError",
    "ExpressionError",
    "Failure",
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
    "by_field",
    "by_header",
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
