"""The build of a worker, where runs are pinned to the build that they began with (`RESOLUTE_VERSIONING`)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from datetime import UTC
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import ConfigurationError
from resolute.temporal.client.client import is_unreachable, unreachable
from resolute.temporal.versions import Build, make_current
from resolute.temporal.wire.activity import queue_of
from resolute_worker.deploying import Load
from resolute_worker.settings import Settings

GIVEN: Final = ("TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID")
"""What Temporal's Worker Controller sets in the pods of a build, so that they say whose they are."""

log = logging.getLogger(__name__)


def build_of(settings: Settings, load: Load) -> Build | None:
    """The build of a worker: as the settings or the controller name it, else by its release; None without versioning.

    Raises:
        ConfigurationError: a build is named, and runs are not pinned; or the controller has named none.
    """
    if settings.versioning == "controller":
        return _given_build(settings, load)
    if settings.versioning == "none":
        if settings.build_id is not None:
            raise ConfigurationError("RESOLUTE_BUILD_ID needs RESOLUTE_VERSIONING=pinned: set both or neither")
        return None
    name = settings.build_id or f"{load.released.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return Build(deployment=settings.worker_set or settings.task_queue, id=name, released=load.released)


def _given_build(settings: Settings, load: Load) -> Build:
    if settings.build_id is not None:
        raise ConfigurationError("the Worker Controller names the build: unset RESOLUTE_BUILD_ID")
    deployment, name = (os.environ.get(variable, "") for variable in GIVEN)
    if not deployment or not name:
        raise ConfigurationError(
            f"RESOLUTE_VERSIONING=controller needs {' and '.join(GIVEN)}, which Temporal's Worker Controller sets in "
            "the pods of a WorkerDeployment: run this worker in one, or use RESOLUTE_VERSIONING=pinned"
        )
    return Build(deployment=deployment, id=name, released=load.released)


async def begin_with(client: Client, build: Build, task_queue: str, queues: Iterable[tuple[str, float]]) -> None:
    """Gives new runs to the build, unless a newer one has them.

    Raises:
        ConfigurationError: Temporal refuses, is unreachable, or does not know worker versioning.
    """
    names = [task_queue, *(queue_of(task_queue, queue) for queue, _ in queues)]
    try:
        current = await make_current(client, build, names)
    except RPCError as error:
        if is_unreachable(error):
            raise unreachable(client.service_client.config.target_host, error) from None
        raise ConfigurationError(f"Temporal refuses build {build.id!r} of this worker: {error.message}") from None
    if current == build.id:
        log.info("new runs begin with build %s; runs of earlier builds need workers of those", build.id)
    else:
        log.warning(
            "new runs begin with build %s, which is newer than build %s of this worker or was made current by a "
            "person: this worker only goes on with its own runs",
            current,
            build.id,
        )
