"""Runs that stay with the build of the worker which began them: Temporal's worker versioning, for who wants it.

Flows do not need it: a run carries its plan. It pins the code of *nodes*: a run calls those of the build that it began
with, for as long as a worker of that build is up. Source: Temporal's Worker Versioning, behavior `Pinned`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.api.deployment.v1 import WorkerDeploymentInfo, WorkerDeploymentVersionInfo
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as VersionMessage
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    UpdateWorkerDeploymentVersionMetadataRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.converter import default
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from resolute.plan.errors import ConfigurationError

RELEASED: Final = "resolute.released"
"""The entry of a version's metadata that says when its flows were released."""

PATIENCE: Final = 60.0
"""Seconds until the server knows a worker that polls."""

_PAUSE: Final = 0.25
_TRIES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Build:
    """The code of a worker: `deployment` names all builds of the same workers, `released` says which is newer."""

    deployment: str
    id: str
    released: datetime

    @property
    def config(self) -> WorkerDeploymentConfig:
        """As the SDK's worker takes it. What is no run of a flow moves on to the newest build."""
        return WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(self.deployment, self.id),
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
        )

    @property
    def message(self) -> VersionMessage:
        """As requests name it."""
        return VersionMessage(deployment_name=self.deployment, build_id=self.id)


async def make_current(client: Client, build: Build, task_queues: Iterable[str]) -> str:
    """Gives new runs to a build whose worker polls, unless a newer one has them; returns the build that has them now.

    An older worker that starts again, for the runs that it began, leaves the newer one alone.

    Raises:
        ConfigurationError: the server does not know worker versioning, or does not see the worker.
        temporalio.service.RPCError: Temporal refused, or did not answer.
    """
    await _known(client, build, set(task_queues))
    entries = {RELEASED: _payload(build.released.isoformat())}
    await client.workflow_service.update_worker_deployment_version_metadata(
        UpdateWorkerDeploymentVersionMetadataRequest(
            namespace=client.namespace, deployment_version=build.message, upsert_entries=entries
        )
    )
    for left in reversed(range(_TRIES)):
        answer = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=build.deployment)
        )
        current = _current(answer.worker_deployment_info)
        if current == build.id:
            return current
        if current and not await _is_older(client, build, current):
            return current
        try:
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace,
                    deployment_name=build.deployment,
                    build_id=build.id,
                    conflict_token=answer.conflict_token,
                    identity=client.identity,
                    ignore_missing_task_queues=True,  # a build that needs a queue no longer has nobody to poll it
                )
            )
        except RPCError as error:
            if error.status != RPCStatusCode.FAILED_PRECONDITION or not left:
                raise
            await asyncio.sleep(_PAUSE)  # another worker has changed it meanwhile
        else:
            return build.id
    return build.id


async def _known(client: Client, build: Build, task_queues: set[str]) -> None:
    """Waits until the server has seen the build's worker on all of its queues."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                info = await _version(client, build, build.id)
                if info is not None and task_queues <= {each.name for each in info.task_queue_infos}:
                    return
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise ConfigurationError(
            f"Temporal does not see build {build.id!r} of this worker within {PATIENCE:g} s: does the server know "
            "worker versioning (Temporal 1.28 or newer)? Without it, unset RESOLUTE_VERSIONING"
        ) from None
    except RPCError as error:
        if error.status == RPCStatusCode.UNIMPLEMENTED:
            raise ConfigurationError(
                "this Temporal server does not know worker versioning: unset RESOLUTE_VERSIONING"
            ) from None
        raise


async def _version(client: Client, build: Build, build_id: str) -> WorkerDeploymentVersionInfo | None:
    version = VersionMessage(deployment_name=build.deployment, build_id=build_id)
    try:
        answer = await client.workflow_service.describe_worker_deployment_version(
            DescribeWorkerDeploymentVersionRequest(namespace=client.namespace, deployment_version=version)
        )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return answer.worker_deployment_version_info


async def _is_older(client: Client, build: Build, build_id: str) -> bool:
    """Whether another build was released before this one; one that does not say so was put there by a person."""
    info = await _version(client, build, build_id)
    if info is None:
        return True
    if RELEASED not in info.metadata.entries:
        return False
    said = default().payload_converter.from_payload(info.metadata.entries[RELEASED], str)
    return datetime.fromisoformat(said) <= build.released


def _current(info: WorkerDeploymentInfo) -> str:
    return info.routing_config.current_deployment_version.build_id


def _payload(text: str) -> Payload:
    return default().payload_converter.to_payload(text)
