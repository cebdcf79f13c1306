"""A gate is decided alike on every runtime, with every history kept, read again, or continued after each step."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from temporalio.client import Client

from resolute import Flow, branch, each, flow, gate, input_data, manual, node, text
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.memory.clock import VirtualClock
from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import FlowError
from resolute.running.interpreter import Interpreter
from resolute.running.messages import Message, MessageRefusedError
from resolute.running.report import RunReport
from resolute.temporal.activities.activities import Activities
from resolute.temporal.client.client import start_run
from resolute.temporal.history.runs import describe_run
from resolute.temporal.wire.finding import RunKey
from resolute.temporal.wire.messages import ask_run
from resolute.temporal.worker import temporal_worker
from resolute.temporal.workflows.workflow import STATUS_QUERY
from resolute.writing.kinds.gate import GateStep
from tests.keys import KEYS
from tests.patience import PATIENCE

TOLD: dict[str, list[str]] = {}
"""Whom each flow told what, undone and done steps among it, by the flow's name."""


class Change(BaseModel):
    """What who approves fills in."""

    region: str = Field(min_length=2)
    percent: int = Field(default=10, ge=1, le=100)


class Asked(BaseModel):
    """Who asks for something."""

    requester: str


@node
async def tell(flow_name: str, what: str) -> None:
    """Keeps what it is given."""
    TOLD.setdefault(flow_name, []).append(what)


@node
async def break_down(what: str) -> None:
    """Never works."""
    raise ValueError(f"no {what} today")


@dataclass(frozen=True)
class Say:
    """A person decides; `refused` is a part of why that does not count."""

    by: str
    word: str = "approve"
    gate: str = "approve"
    reason: str = ""
    form: Any = None
    refused: str = ""


@dataclass(frozen=True)
class Told:
    """People have been told so often."""

    times: int


Cancel = Literal["cancel"]


@dataclass
class Came:
    """What came of a run."""

    report: RunReport
    error: FlowError | None
    told: list[str] = field(default_factory=list[str])

    @property
    def why(self) -> str:
        """Which step failed by what."""
        return f"{self.report.failure.step}: {self.report.failure.message}" if self.report.failure else ""


def _after_each_step(ended: int) -> bool:
    return ended >= 1


def _never(_: int) -> bool:
    return False


class Gates(ABC):
    """Runs flows with gates."""

    @abstractmethod
    async def run(
        self, built: Flow, script: Sequence[Say | Told | Cancel], person: str = "", given: Any = None
    ) -> Came:
        """Runs a flow, in which people say what stands in the script, one after the other."""


def message_of(said: Say) -> Message:
    """What is sent to the run."""
    data: dict[str, Any] = {"reason": said.reason, **({} if said.form is None else {"form": said.form})}
    return Message(to=f"gate:{said.gate}", word=said.word, id=uuid.uuid4().hex, data=data, by=said.by)


def executor_for(built: Flow) -> NodeExecutor:
    """What runs the nodes; its links say for whom they are."""
    environment = Environment({})
    environment.links = lambda _, facts: f"link of {facts['person']} to {facts['gate']}"
    return NodeExecutor.for_flows([built], environment=environment)


class InMemory(Gates):
    """Without a server, in virtual time."""

    def __init__(self, *, continued: bool) -> None:
        self._full = _after_each_step if continued else _never

    async def run(
        self, built: Flow, script: Sequence[Say | Told | Cancel], person: str = "", given: Any = None
    ) -> Came:
        """See `Gates.run`."""
        clock, left, begun = VirtualClock(), list(script), list[Interpreter]()
        wrong: list[str] = []

        def bring() -> bool:
            if not left:
                return False
            said = left[0]
            if isinstance(said, Told) and len(TOLD.get(built.name, [])) < said.times:
                return False
            left.pop(0)
            if isinstance(said, Told):
                return bring()
            if said == "cancel":
                begun[-1].cancel()
                return True
            try:
                begun[-1].take(message_of(said))
                why = ""
            except MessageRefusedError as error:
                why = str(error)
            if said.refused not in why or bool(why) is not bool(said.refused):
                wrong.append(f"{said}: {why!r}")
            return True

        clock.bring = bring
        run = await run_in_memory(
            built.plan,
            executor_for(built),
            clock=clock,
            input_data=given,
            begun=begun.append,
            full=self._full,
            person=person,
        )
        assert [] == wrong
        return Came(run.report, run.error, TOLD.pop(built.name, []))


class OnTemporal(Gates):
    """On a server."""

    def __init__(self, client: Client, *, cached: bool, continued: bool) -> None:
        self._client = client
        self._cached = 1000 if cached else 0
        self._full = _after_each_step if continued else None

    async def run(
        self, built: Flow, script: Sequence[Say | Told | Cancel], person: str = "", given: Any = None
    ) -> Came:
        """See `Gates.run`."""
        queue = f"gates-{uuid.uuid4().hex[:8]}"
        worker = temporal_worker(
            self._client,
            Activities([built], executor_for(built), KEYS),
            task_queue=queue,
            graceful_shutdown=timedelta(0),
            max_cached_workflows=self._cached,
            full=self._full,
        )
        async with worker, asyncio.timeout(PATIENCE):
            run = await start_run(
                self._client, built.plan, task_queue=queue, input_data=given, keys=KEYS, person=person
            )
            handle = self._client.get_workflow_handle(run.workflow_id)
            for said in script:
                if isinstance(said, Told):
                    while len(TOLD.get(built.name, [])) < said.times:
                        await asyncio.sleep(0.05)
                    continue
                await self._until_open(handle, "" if said == "cancel" else said.gate)
                if said == "cancel":
                    await handle.cancel()
                else:
                    await self._say(run.workflow_id, run.run_id or "", said)
            error: FlowError | None = None
            try:
                await run.result()
            except FlowError as failed:
                error = failed
            described = await describe_run(self._client, run.workflow_id)
        assert described.report is not None
        return Came(described.report, error, TOLD.pop(built.name, []))

    async def _say(self, workflow_id: str, run_id: str, said: Say) -> None:
        why = ""
        try:
            await ask_run(self._client, RunKey(workflow_id, run_id), message_of(said), KEYS)
        except MessageRefusedError as error:
            why = str(error)
        assert said.refused in why, said
        assert bool(said.refused) is bool(why), (said, why)

    async def _until_open(self, handle: Any, name: str) -> None:
        while True:
            steps = (await handle.query(STATUS_QUERY))["steps"]
            gates = [each for each in steps if each["kind"] == "gate" and each["status"] == "running"]
            told = [each["counts"].get("completed", 0) for each in steps if each["id"] == "approve_notify"]
            if any(each["id"] == name or not name for each in gates) and all(told):
                return
            await asyncio.sleep(0.05)


@pytest.fixture(params=["memory", "memory-continued", "temporal", "temporal-replaying", "temporal-continued"])
def gates(request: pytest.FixtureRequest, temporal_client: Client) -> Gates:
    """Every runtime, as it is and as it is hardest."""
    where, _, how = str(request.param).partition("-")
    if where == "memory":
        return InMemory(continued=how == "continued")
    return OnTemporal(temporal_client, cached=how != "replaying", continued=how == "continued")


def guarded(step: GateStep[Any], name: str, *, fails_after: bool = False) -> Flow:
    """A flow that does something, asks, and goes on; what is done before the gate can be undone."""
    before = tell(name, "done").on_failure(tell(name, "undone")).as_("before")
    written = (
        flow(name)
        .triggered_by(manual("go", input=Asked) if step.requester is not None else manual("go"))
        .then(before)
        .then(step)
        .then(tell(name, "went on").as_("after"))
    )
    return (written.then(break_down("luck").retry(1)) if fails_after else written).build()


async def test_an_approval(gates: Gates) -> None:
    """Who may approve does, with the form's defaults filled in; people are told before, each by a link of their own."""
    name = "gate-approval"
    step = gate(
        "approve",
        ask="Fail over?",
        form=Change,
        approvers=["ada", "grace"],
        timeout=timedelta(hours=1),
        notify=lambda link, person: tell(name, text("{}: {}", person, link)),
    )

    # Who is still being told when the gate is decided may never be: all three have done their part before.
    script = [Told(3), Say("ada", form={"region": "eu"}, reason="it is quiet")]
    came = await gates.run(guarded(step, name), script)

    assert came.error is None
    output = came.report.step("approve").output
    assert isinstance(output, dict)
    assert {"by": ["ada"], "form": {"region": "eu", "percent": 10}, "reason": "it is quiet", "approved": True} == {
        each: output[each] for each in ("by", "form", "reason", "approved")
    }
    assert ["ada: link of ada to approve", "done", "grace: link of grace to approve", "went on"] == sorted(came.told)


async def test_a_rejection(gates: Gates) -> None:
    """One person who rejects ends the run by its undo steps, and says why."""
    name = "gate-rejection"

    came = await gates.run(guarded(gate("approve", quorum=2), name), [Say("ada", "reject", reason="not on a Friday")])

    assert "approve: ada rejected gate 'approve': not on a Friday" == came.why
    assert ["done", "undone"] == came.told


async def test_a_rejection_that_goes_on(gates: Gates) -> None:
    """With `continue` the flow decides itself what a rejection means."""
    name = "gate-continues"

    came = await gates.run(guarded(gate("approve", on_reject="continue"), name), [Say("ada", "reject")])

    assert ["done", "went on"] == came.told
    output = came.report.step("approve").output
    assert isinstance(output, dict)
    assert (False, ["ada"]) == (output["approved"], output["by"])


async def test_a_quorum(gates: Gates) -> None:
    """Each person counts once, strangers and who asks do not count, and the rest goes on when enough have approved."""
    name = "gate-quorum"
    step = gate("approve", approvers=["ada", "grace", "edsger"], quorum=2, form=Change)
    script = [
        Say("edsger", form={"region": "eu"}, refused="edsger asks for what gate 'approve' decides"),
        Say("mallory", form={"region": "eu"}, refused="mallory may not decide gate 'approve': that is for ada, grace"),
        Say("ada", form={"region": "e", "percent": 0, "x": 1}, refused="percent is 0, 1 is the least; region"),
        Say("ada", form={"region": "eu"}),
        Say("ada", "reject", refused="ada has decided gate 'approve' at"),
        Say("ada", "dance", refused="a gate takes 'approve' and 'reject', not 'dance'"),
        Say("ada", gate="other", refused="the run has no open gate 'other' (open now: approve)"),
        Say("grace", form={"region": "us", "percent": 50}),
    ]

    came = await gates.run(guarded(step, name), [each for each in script if each.gate == "approve"], "edsger")

    output = came.report.step("approve").output
    assert isinstance(output, dict)
    assert (["ada", "grace"], {"region": "us", "percent": 50}) == (output["by"], output["form"])
    assert ["done", "went on"] == came.told


async def test_who_asks(gates: Gates) -> None:
    """Neither the requester that the flow names decides, nor who started the run; but where the gate allows it."""
    name = "gate-requester"
    step = gate("approve", approvers=["ada", "grace", "edsger"], requester=input_data(Asked).requester)
    script = [
        Say("ada", refused="ada asks for what gate 'approve' decides, and may not decide it"),
        Say("edsger", refused="edsger asks for what gate 'approve' decides, and may not decide it"),
        Say("grace"),
    ]

    came = await gates.run(guarded(step, name), script, "edsger", {"requester": "ada"})
    output = came.report.step("approve").output
    assert isinstance(output, dict)
    assert ["grace"] == output["by"]

    allowed = gate("approve", requester=input_data(Asked).requester, allow_self=True)
    came = await gates.run(guarded(allowed, name), [Say("ada")], "edsger", {"requester": "ada"})
    assert ["done", "went on"] == came.told

    few = gate("approve", approvers=["ada", "edsger"], requester=input_data(Asked).requester)
    came = await gates.run(guarded(few, name), [], "edsger", {"requester": "ada"})
    assert "only 0 can without who asks for it (ada, edsger)" in came.why


@pytest.mark.parametrize("on_timeout", ["reject", "approve", "fail"])
async def test_a_timeout(gates: Gates, on_timeout: Literal["reject", "approve", "fail"]) -> None:
    """A gate that nobody decides ends as its flow says, after its time and not before."""
    name = f"gate-timeout-{on_timeout}"
    step = gate("approve", timeout=timedelta(seconds=1.5), on_timeout=on_timeout)

    came = await gates.run(guarded(step, name), [])

    late = "gate 'approve' was not decided within 1.5s"
    ends = {
        "reject": f"approve: {late}, which counts as a rejection",
        "approve": "",
        "fail": f"approve: {late} (0 of 1 approved)",
    }
    assert ends[on_timeout] == came.why
    assert ["done", "went on" if on_timeout == "approve" else "undone"] == came.told


async def test_a_cancel(gates: Gates) -> None:
    """A run that waits at a gate can be cancelled, and undoes its work."""
    name = "gate-cancel"

    came = await gates.run(guarded(gate("approve"), name), ["cancel"])

    assert ["done", "undone"] == came.told
    assert "cancelled" == came.report.step("approve").status


async def test_reminders(gates: Gates) -> None:
    """Who has not decided is reminded again and again; who is told cannot fail the gate."""
    name = "gate-reminds"
    step = gate(
        "approve",
        approvers=["ada"],
        timeout=timedelta(hours=1),
        remind=timedelta(seconds=1),
        notify=lambda link: [tell(name, link), break_down("post").retry(1)],
    )

    came = await gates.run(guarded(step, name), [Told(4), Say("ada")])

    reminders = came.told.count("link of ada to approve")  # more than three where the decision takes its time
    assert 3 <= reminders
    assert ["done", "went on"] == [told for told in came.told if told != "link of ada to approve"]
    assert ("ada was not told of gate 'approve': ValueError: no post today (`resolute gates` lists it, "
            "`resolute approve` decides it)",) == came.report.warnings  # fmt: skip


async def test_gates_of_items(gates: Gates) -> None:
    """Each item of a list waits for its own decision."""
    name = "gate-items"
    hosts = each(["a", "b"], lambda host: branch().then(gate("approve")).then(tell(name, host).as_("drain")))
    built = flow(name).triggered_by(manual("go")).then(hosts.as_("hosts")).build()

    came = await gates.run(built, [Say("ada", gate="hosts[1].approve"), Told(1), Say("ada", gate="hosts[0].approve")])

    assert came.error is None
    assert ["b", "a"] == came.told


async def test_work_beside_a_gate(gates: Gates) -> None:
    """What runs beside a gate ends while it waits, and what has been decided is kept through it."""
    name = "gate-beside"
    beside = branch().then(tell(name, "one").as_("one")).then(tell(name, "two").as_("two"))
    built = flow(name).triggered_by(manual("go")).then_parallel(gate("approve"), beside).build()

    came = await gates.run(built, [Say("ada")])

    assert came.error is None
    assert ["one", "two"] == came.told
