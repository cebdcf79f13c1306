"""Lets go of values outside of Temporal that nothing in Temporal refers to any longer."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, ScheduleActionStartWorkflow
from temporalio.service import RPCError

from resolute.temporal.values.stored import (
    StoredValues,
    StoreError,
    StoreUnreachableError,
    digest_in,
    stored_in,
)

log = logging.getLogger(__name__)

_EVERY: Final = timedelta(hours=6)
_MARGIN: Final = timedelta(days=1)


async def keep_store(client: Client) -> None:
    """Removes what is no longer used, again and again; ends at once where nothing is stored outside of Temporal."""
    stored = stored_in(client.data_converter)
    while stored is not None:
        try:
            if removed := await clean_store(client, stored):
                log.info("%d values that nobody needs any longer are removed from %s", removed, stored.kept.place)
        except RPCError as error:
            log.warning("RESOLUTE_PAYLOAD_STORE is not cleaned now: Temporal: %s", error.message)
        except StoreError as error:
            log.warning("RESOLUTE_PAYLOAD_STORE is not cleaned now: %s", error)
        await asyncio.sleep(_EVERY.total_seconds())


async def check_store(client: Client) -> None:
    """Writes to the store of large values and reads from it, if there is one.

    One that does not answer now is told in the log: runs wait for it.

    Raises:
        ConfigurationError: it refuses, or is not what it should be.
    """
    stored = stored_in(client.data_converter)
    if stored is None:
        return
    try:
        await stored.check()
    except StoreUnreachableError as error:
        log.warning("RESOLUTE_PAYLOAD_STORE: %s; until then runs with large values wait", error)


async def clean_store(client: Client, stored: StoredValues) -> int:
    """Removes values that no run can read any more; gives how many.

    A value is written, or touched, when a run writes or reads it. It stays for as long as Temporal keeps closed runs,
    and for as long as a run goes on that began before; and schedules keep what they start their runs with.

    Raises:
        temporalio.service.RPCError: Temporal refused, or did not answer: nothing is removed.
        StoreError: the store refused, or did not answer.
    """
    namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    kept = namespace.config.workflow_execution_retention_ttl.ToTimedelta()
    oldest = datetime.now(UTC) - kept
    async for run in client.list_workflows("ExecutionStatus = 'Running'"):
        oldest = min(oldest, run.start_time)
    async for schedule in await client.list_schedules():
        action = (await client.get_schedule_handle(schedule.id).describe()).schedule.action
        if isinstance(action, ScheduleActionStartWorkflow):
            for each in (*action.args, *(action.memo or {}).values()):
                if isinstance(each, Payload) and (digest := digest_in(each)):
                    await stored.touch(digest)
    return await stored.remove_older((oldest - _MARGIN).timestamp())
