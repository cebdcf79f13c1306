"""The connection to Temporal that the settings ask for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from resolute.plan.errors import ConfigurationError
from resolute.temporal.client.client import connect, unreachable
from resolute.temporal.trust.seals import PlanKeys
from resolute_worker.keys import announce, converter_of, keys_for_worker, keys_of_embedded
from resolute_worker.settings import Settings

if TYPE_CHECKING:
    from resolute_worker.embedded import EmbeddedServer


@dataclass(frozen=True)
class Connection:
    """A working client, the keys that seal its plans, and the embedded server behind it if there is one."""

    client: Client
    keys: PlanKeys
    server: EmbeddedServer | None = None


@asynccontextmanager
async def connected(settings: Settings, *, pages: bool = False) -> AsyncGenerator[Connection]:
    """A connection for the length of an `async with`; starts and stops the embedded server if the settings ask for it.

    `pages` says whether that server shows its web interface.

    Raises:
        TemporalUnreachableError: no server answers.
        ConfigurationError: the namespace is missing, the credentials are refused, or the embedded server cannot run.
    """
    if not settings.embedded:
        client = await checked_client(settings)
        yield Connection(client, await keys_for_worker(client, settings))
        return
    from resolute_worker.embedded import (  # not on Windows, which has no file locks of this kind
        NAMESPACE,
        EmbeddedServer,
    )
    from resolute_worker.embedded.cleaning import kept_below

    place, port, kept = settings.state_dir, settings.embedded_port, settings.retention
    async with EmbeddedServer(place, port, pages=pages, retention=kept) as server:
        # Not through Temporal's configuration: its API key or TLS settings are for another server.
        converter = converter_of(settings)
        client = await Client.connect(server.address, namespace=NAMESPACE, data_converter=converter)
        keys = keys_of_embedded(settings)
        await announce(client, keys)
        async with kept_below(client, server.database, settings.database_mb):
            yield Connection(client, keys, server)


async def check_namespace(client: Client) -> None:
    """Checks that the client may use its namespace.

    Raises:
        TemporalUnreachableError: no server answers.
        ConfigurationError: the namespace is missing, or the credentials are refused.
    """
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        match error.status:
            case RPCStatusCode.NOT_FOUND:
                raise ConfigurationError(
                    f"Temporal has no namespace {client.namespace!r}: "
                    f"create it (temporal operator namespace create -n {client.namespace}), or set TEMPORAL_NAMESPACE"
                ) from None
            case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
                raise ConfigurationError(
                    f"Temporal refuses the credentials for namespace {client.namespace!r}: "
                    "check TEMPORAL_API_KEY or TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"
                ) from None
            case _:
                raise unreachable(client.service_client.config.target_host, error) from None


def converting(client: Client, settings: Settings) -> Client:
    """A client on the same connection that encrypts and stores values as the settings say.

    One with a converter of its own stays as it is, if they say neither.

    Raises:
        ConfigurationError: a key for values is invalid.
    """
    asked = settings.payload_keys or settings.payload_store is not None
    if not asked and client.data_converter is not DataConverter.default:
        return client
    config = client.config()
    config["data_converter"] = converter_of(settings)
    return Client(**config)


async def checked_client(settings: Settings, address: str | None = None) -> Client:
    """A client as Temporal's own configuration describes it, after checking that it works.

    With `address` it is connected to that one, and the configuration says the rest: namespace, credentials, TLS.

    Raises:
        TemporalUnreachableError: no server answers.
        ConfigurationError: the namespace is missing, or the credentials are refused.
    """
    client = await connect(address, converter=converter_of(settings))
    await check_namespace(client)
    return client
