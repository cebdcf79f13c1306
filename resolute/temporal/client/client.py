"""Starting runs and asking for their results, as a client of Temporal."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    WorkflowAlreadyStartedError,
)
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import (
    ConfigurationError,
    FlowError,
    NodeFailedError,
    PayloadTooLargeError,
    RunCancelledError,
    RunTimedOutError,
    TemporalUnreachableError,
    UnusableValueError,
)
from resolute.plan.limits import PAYLOAD_LIMIT, problem_of, recorded_size
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.running.result import result_of
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.values.converting import PLAIN
from resolute.temporal.values.packing import packed
from resolute.temporal.wire.start import NOTHING_EARLIER, PERSON, STARTED_BY, Earlier, dry_start, start_argument

DEFAULT_ADDRESS = "127.0.0.1:7233"


async def connect(
    address: str | None = None,
    *,
    namespace: str | None = None,
    runtime: Runtime | None = None,
    lazy: bool = False,
    converter: DataConverter = PLAIN,
) -> Client:
    """Connects to Temporal: to `address` if given, else as Temporal's own environment variables and profile say.

    Those are TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_*, TEMPORAL_PROFILE and the file
    temporal.toml; without any of them, a server on this machine. `converter` encrypts and stores what is written there.

    Raises:
        TemporalUnreachableError: no server answers.
        ConfigurationError: Temporal's configuration cannot be read.
    """
    try:
        config: dict[str, Any] = {**ClientConfig.load_client_connect_config()}
    except (ValueError, RuntimeError, OSError) as error:
        raise ConfigurationError(f"Temporal's configuration cannot be read: {error}") from None
    target = address or config.pop("target_host", None) or DEFAULT_ADDRESS
    config.pop("target_host", None)
    if namespace:
        config["namespace"] = namespace
    try:
        return await Client.connect(target, **config, runtime=runtime, lazy=lazy, data_converter=converter)
    except (RuntimeError, RPCError) as error:
        raise unreachable(target, error) from None


def unreachable(address: str, error: BaseException) -> TemporalUnreachableError:
    """The error for a Temporal server that does not answer."""
    said = str(error) or type(error).__name__
    inner = re.search(r'(?:message|error): "([^"]+)"', said)  # the operating system's text, inside Rust's message
    reason = inner[1] if inner else said.splitlines()[0]
    return TemporalUnreachableError(
        f"no Temporal server answers at {address} ({reason[:160]}): start one (resolute dev), or set TEMPORAL_ADDRESS"
    )


def is_unreachable(error: BaseException) -> bool:
    """Whether an RPC failed because the server is unreachable, so that the same call may work later."""
    return isinstance(error, RPCError) and error.status in {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
    }


@dataclass(frozen=True)
class RunHandle:
    """A run that was started, here or elsewhere."""

    handle: WorkflowHandle[Any, Any]
    flow: str
    is_new: bool = True

    @property
    def workflow_id(self) -> str:
        """Temporal's workflow id."""
        return self.handle.id

    @property
    def run_id(self) -> str | None:
        """Temporal's run id, if it is known."""
        return self.handle.result_run_id or self.handle.run_id

    async def result(self) -> Json:
        """Waits for the run to end and returns its result.

        Raises:
            NodeFailedError: a node failed, and so did the run.
            FlowError: the run failed for another reason, or was cancelled or terminated.
        """
        try:
            return result_of(cast("Json", await self.handle.result()))
        except WorkflowFailureError as error:
            raise flow_failure(error) from None


async def start_run(
    client: Client,
    plan: Plan,
    *,
    task_queue: str,
    input_data: Json = None,
    workflow_id: str | None = None,
    eager: bool = False,
    patience: timedelta | None = None,
    keys: PlanKeys = NO_KEYS,
    started_by: str = "",
    person: str = "",
    memo: Mapping[str, Json] | None = None,
    earlier: Earlier = NOTHING_EARLIER,
) -> RunHandle:
    """Starts a run that carries its plan, sealed with the first of the keys.

    Without keys it carries none, and the worker uses the flow of that name as it is deployed there.

    With `workflow_id` the id is used once within the namespace's retention: a second start finds the first run, even
    if that has ended (`is_new` is then False). `eager` requests the first task immediately, which works if a worker of
    the task queue runs on the same client. `patience` is how long the server may take; the server knows it, so that it
    drops a start that nobody waits for any longer. `started_by` shows people who or what started it (Temporal's memo),
    and `person` names who did, who may not decide the run's gates; `memo` adds to that. `earlier` is what the run
    begins with; only a run with keys can begin with anything.

    Raises:
        UnusableValueError: JSON cannot hold the input as it is, or it is nested too deep.
        PayloadTooLargeError: plan, input and outcomes are larger than Temporal accepts.
    """
    _check_recordable(plan.name, input_data)  # before sealing: a seal covers what can be written down
    return await _start(
        client,
        plan.name,
        packed(start_argument(plan, input_data, keys=keys, earlier=earlier)),
        task_queue=task_queue,
        workflow_id=workflow_id,
        eager=eager,
        patience=patience,
        memo={**_memo(started_by, person), **(memo or {})},
    )


async def start_deployed(
    client: Client,
    flow: str,
    *,
    task_queue: str,
    input_data: Json = None,
    person: str = "",
    dry: bool = False,
    memory: Json = None,
) -> RunHandle:
    """Starts a run of a flow by its name, with its worker's plan; the worker also reads the input.

    A `dry` run writes nothing; `memory` is what it may read of earlier runs.

    Raises:
        UnusableValueError: JSON cannot hold the input as it is, or it is nested too deep.
        PayloadTooLargeError: the input is larger than Temporal accepts.
    """
    _check_recordable(flow, input_data)
    argument = dry_start(input_data, memory) if dry else input_data
    return await _start(client, flow, argument, task_queue=task_queue, memo=_memo("request", person))


def _memo(started_by: str, person: str) -> dict[str, Json]:
    return {name: said for name, said in ((STARTED_BY, started_by), (PERSON, person)) if said}


def _check_recordable(flow: str, input_data: Json) -> None:
    if problem := problem_of(input_data):
        raise UnusableValueError(f"the input of flow {flow!r} cannot be recorded: {problem}")


async def _start(
    client: Client,
    flow: str,
    argument: Json,
    *,
    task_queue: str,
    workflow_id: str | None = None,
    eager: bool = False,
    patience: timedelta | None = None,
    memo: Mapping[str, Json] | None = None,
) -> RunHandle:
    size = recorded_size(argument)
    if size > PAYLOAD_LIMIT:
        raise PayloadTooLargeError(what=f"plan and input of flow {flow!r}", size=size, limit=PAYLOAD_LIMIT)
    try:
        handle = await client.start_workflow(
            flow,
            argument,
            id=workflow_id or f"{flow}/{uuid.uuid4().hex[:16]}",
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            request_eager_start=eager,
            rpc_timeout=patience,
            memo=memo or None,
        )
    except WorkflowAlreadyStartedError as error:
        known = client.get_workflow_handle(error.workflow_id, run_id=error.run_id)
        return RunHandle(known, flow, is_new=False)
    return RunHandle(handle, flow)


def flow_failure(error: WorkflowFailureError) -> FlowError:
    """Why a run did not complete, as one of our errors."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type == RunCancelledError.__name__:
        return RunCancelledError()  # what failed afterwards is in the run's report
    if isinstance(cause, ApplicationError) and cause.type == RunTimedOutError.__name__:
        return RunTimedOutError(cause.message)
    if isinstance(cause, ApplicationError):
        for detail in cause.details:
            if cause.type == NodeFailedError.__name__ and isinstance(detail, Mapping):
                facts = cast("Mapping[str, str]", detail)
                return NodeFailedError(
                    step=facts["step"], node=facts["node"], error_type=facts["error_type"], reason=facts["message"]
                )
        return FlowError(f"{cause.type}: {cause.message}")
    if isinstance(cause, CancelledError):
        return RunCancelledError()
    if isinstance(cause, TerminatedError):
        return FlowError("the run was terminated")
    return FlowError(str(cause or error))
