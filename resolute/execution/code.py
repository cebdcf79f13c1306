"""What of a plan the code of this process can call: its nodes, decisions and providers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resolute.execution.decisions import decision_for
from resolute.execution.executor import NodeExecutor
from resolute.plan.context import CallContext
from resolute.plan.kinds.call import DECISIONS, Call
from resolute.plan.provider import NodeDefinition, Provider
from resolute.plan.shapes import did_you_mean


@dataclass(frozen=True)
class Missing:
    """Why a call cannot be made at all, and what to do about it."""

    problem: str
    remedy: str


class Code:
    """The nodes that a process would run, by name, with its providers. `flows` are the names of its flows."""

    def __init__(self, executor: NodeExecutor, flows: Iterable[str] = ()) -> None:
        self.flows = frozenset(flows)
        self._nodes: Mapping[str, NodeDefinition] = executor.definitions
        self._providers: Mapping[str, Provider] = executor.providers

    def node(self, flow: str, call: Call) -> NodeDefinition | None:
        """The node of a call in a flow; None where there is none."""
        context = CallContext(
            flow=flow, run_id="", workflow_id="", step=call.id, node=call.node, attempt=1, deadline=0, last_deadline=0
        )
        return self._nodes.get(call.node) or decision_for(context, self._nodes)

    def missing(self, flow: str, call: Call) -> Missing | None:
        """Why this process could not make a call of a flow, whatever its arguments are."""
        node = self.node(flow, call)
        if node is None:
            return self._unknown(call)
        if node.provider is None:
            return None
        provider = self._providers.get(node.provider)
        if provider is None:
            return Missing(
                f"provider {node.provider!r} is not set up", "set it up in a flow file, or pass it to the worker"
            )
        if refusal := provider.refusal(node):
            return Missing(refusal, "grant it")
        if call.queue is not None and call.queue not in provider.queues():
            return Missing(f"no worker would poll the provider's queue {call.queue!r}", "keep the queue")
        return None

    def _unknown(self, call: Call) -> Missing:
        if call.node.startswith(DECISIONS):
            return Missing("the function that decides there is gone", "keep the function in its file")
        provider, dot, _ = call.node.partition(".")
        if dot and not any(each.provider == provider for each in self._nodes.values()):
            return Missing(
                f"there is no node {call.node!r}, and no provider {provider!r}",
                f"import the provider of {call.node!r} in a flow file, or keep the node",
            )
        alike = [
            each.name
            for each in self._nodes.values()
            if call.contract is not None and each.contract == call.contract and not each.name.startswith(DECISIONS)
        ]
        if len(alike) == 1:
            renamed = f"if {alike[0]!r} is the same under another name, declare it with @node(name={call.node!r})"
            return Missing(f"there is no node {call.node!r}", f"{renamed}; otherwise keep the old node")
        hint = did_you_mean(call.node, [name for name in self._nodes if not name.startswith(DECISIONS)])
        return Missing(f"there is no node {call.node!r} ({hint})", "keep the node")
