"""Resolute: durable automation for on-call teams.

You write a flow in Python, `build()` turns it into data (a plan) once, and from then on the plan is only read.
"""

from resolute.plan.alarmed import Alarmed
from resolute.plan.allowance import Allowance
from resolute.plan.beats import MissedBeat
from resolute.plan.clock import now, scheduled_for
from resolute.plan.conditions import contains, is_empty, matches, not_, one_of
from resolute.plan.context import CallContext, State, current_call
from resolute.plan.cursors import cursor
from resolute.plan.decided import Decided
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
from resolute.plan.event import Event, signal
from resolute.plan.failed_runs import FailedRun
from resolute.plan.failing import Failure
from resolute.plan.hours import during
from resolute.plan.kinds.each import Outcome
from resolute.plan.kinds.repeat import Repeated
from resolute.plan.lists import all_of, any_of, count, first, where
from resolute.plan.muted import Muted
from resolute.plan.once import by_field, by_header
from resolute.plan.plan import Plan
from resolute.plan.policies import Policy, Retry
from resolute.plan.provider import Provider, SecretText
from resolute.plan.triggers import every, failed_runs, heartbeat, manual, schedule, webhook
from resolute.plan.verification import bearer_token, hmac_sha256, path_token, unverified
from resolute.plan.words import Record, env, failure, input_data, last_turn, output, previous, secret, text
from resolute.writing.builder import FlowBuilder, branch, flow
from resolute.writing.flow import Flow
from resolute.writing.incident import Incident
from resolute.writing.kinds.alarm import AlarmStep, alarm
from resolute.writing.kinds.budget import budget
from resolute.writing.kinds.child import child
from resolute.writing.kinds.each import each
from resolute.writing.kinds.gate import GateStep, gate
from resolute.writing.kinds.move import move
from resolute.writing.kinds.repeat import repeat
from resolute.writing.kinds.sleep import sleep
from resolute.writing.kinds.wait import wait_for
from resolute.writing.node import Node, NodeFactory, node

__all__ = [
    "AlarmStep",
    "Alarmed",
    "Allowance",
    "CallContext",
    "ConfigurationError",
    "Decided",
    "Event",
    "ExpressionError",
    "FailedRun",
    "Failure",
    "Flow",
    "FlowBuildError",
    "FlowBuilder",
    "FlowError",
    "GateStep",
    "Incident",
    "MissedBeat",
    "Muted",
    "Node",
    "NodeError",
    "NodeFactory",
    "NodeFailedError",
    "Outcome",
    "Plan",
    "Policy",
    "Provider",
    "Record",
    "Repeated",
    "ResoluteError",
    "Retry",
    "SecretText",
    "State",
    "TerminalError",
    "alarm",
    "all_of",
    "any_of",
    "bearer_token",
    "branch",
    "budget",
    "by_field",
    "by_header",
    "child",
    "contains",
    "count",
    "current_call",
    "cursor",
    "during",
    "each",
    "env",
    "every",
    "failed_runs",
    "failure",
    "first",
    "flow",
    "gate",
    "heartbeat",
    "hmac_sha256",
    "input_data",
    "is_empty",
    "last_turn",
    "manual",
    "matches",
    "move",
    "node",
    "not_",
    "now",
    "one_of",
    "output",
    "path_token",
    "previous",
    "repeat",
    "schedule",
    "scheduled_for",
    "secret",
    "signal",
    "sleep",
    "text",
    "unverified",
    "wait_for",
    "webhook",
    "where",
]
