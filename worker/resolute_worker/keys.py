"""The keys that seal plans: from RESOLUTE_PLAN_KEYS, or from a file of the embedded server that only its user reads."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from temporalio.api.namespace.v1 import UpdateNamespaceInfo
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.converter import DataConverter

from resolute.execution.secrets import Environment
from resolute.plan.errors import ConfigurationError
from resolute.temporal.trust.seals import NO_KEYS, PlanKeys
from resolute.temporal.values.ciphers import NO_PAYLOAD_KEYS, PayloadKeys
from resolute.temporal.values.converting import data_converter
from resolute.temporal.values.stores import store_of
from resolute_worker.private import private_folder
from resolute_worker.settings import Settings

KEY_FILE: Final = "plan.keys"
"""In the state folder: one key per line; the first one seals."""

_ANNOUNCED: Final = "resolute.plan_key"
"""The namespace entry with the id of its embedded server's key, so that commands know which key it uses."""


NO_KEYS_NOTE: Final = (
    "RESOLUTE_PLAN_KEYS is not set: a run uses its worker's plan instead of carrying its own, and anybody who can "
    "reach Temporal can run nodes with the secrets of this worker's flows (see docs/secrets.md)"
)
"""What a worker without keys logs once, when it starts."""


def keys_of_embedded(settings: Settings) -> PlanKeys:
    """The keys of a worker with an embedded server. Its first start creates a key.

    Raises:
        ConfigurationError: a key is invalid, or the file cannot be read or written.
    """
    # The file's keys stay valid in addition to the variable's: runs in flight may be sealed with them.
    made = _read(_made(settings.state_dir))
    return PlanKeys((*settings.plan_keys, *(key for key in made if key not in settings.plan_keys)))


def payload_keys(settings: Settings) -> PayloadKeys:
    """The keys that encrypt what runs write into Temporal.

    Raises:
        ConfigurationError: one of them is invalid.
    """
    return PayloadKeys.of(settings.payload_keys)


def converter_of(settings: Settings) -> DataConverter:
    """What reads and writes values in Temporal as the settings say.

    Raises:
        ConfigurationError: a key for values is invalid, or the store of large ones.
    """
    place = settings.payload_store
    return data_converter(payload_keys(settings), None if place is None else store_of(place))


async def keys_for_client(client: Client, settings: Settings) -> PlanKeys:
    """The keys for starting runs: those of the variable, or of the embedded server that the client uses.

    Raises:
        ConfigurationError: a key is invalid, or the file cannot be read.
    """
    if settings.plan_keys:
        return PlanKeys(settings.plan_keys)
    file = settings.state_dir / KEY_FILE
    wanted = await announced(client)
    if not wanted or not os.access(file, os.R_OK):
        return NO_KEYS
    found = PlanKeys(_read(file))
    return found if wanted in found.ids else NO_KEYS


async def keys_for_worker(client: Client, settings: Settings) -> PlanKeys:
    """The keys of a worker on a server that is not its own.

    Raises:
        ConfigurationError: a key is invalid, or the other workers have a key that this one does not have.
    """
    keys = await keys_for_client(client, settings)
    wanted = await announced(client)
    if wanted and wanted not in keys.ids:
        raise ConfigurationError(
            f"runs on this Temporal server are sealed with key {wanted}, which this worker does not have, so it would "
            "refuse them: set RESOLUTE_STATE_DIR to the state folder of that server, or RESOLUTE_PLAN_KEYS to its keys"
        )
    return keys


async def announce(client: Client, keys: PlanKeys) -> None:
    """Records in the server's namespace which key its worker seals with; only the key's id."""
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace, update_info=UpdateNamespaceInfo(data={_ANNOUNCED: keys.sealing_id or ""})
        ),
        retry=True,
    )


async def announced(client: Client) -> str | None:
    """The id of the key that the embedded server's worker seals with, if there is one."""
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    data: Mapping[str, str] = answer.namespace_info.data
    return data.get(_ANNOUNCED)


_OF_THE_STORE: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The variables with secrets by which a store of large values is reached."""


def remember(keys: PlanKeys, environment: Environment, payloads: PayloadKeys = NO_PAYLOAD_KEYS) -> None:
    """Keeps the keys, and the credentials of a store, out of everything that is logged or recorded."""
    environment.remember(key.get_secret_value() for key in keys.keys)
    environment.remember(key.secret.get_secret_value() for key in payloads.keys)
    environment.remember(os.environ[name] for name in _OF_THE_STORE if os.environ.get(name))


def _made(folder: Path) -> Path:
    """The file with the embedded server's keys, created with a new key if it does not exist."""
    file = private_folder(folder) / KEY_FILE
    if file.exists():
        return file
    draft = folder / f"{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(secrets.token_hex(32) + "\n")
            written.flush()
            os.fsync(written.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)  # completely or not at all, and never over another process's file
    except OSError as error:
        raise ConfigurationError(
            f"the key that seals plans cannot be written to {file} ({error.strerror}): "
            "make the folder writable, or set RESOLUTE_STATE_DIR to another one"
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return file


def _read(file: Path) -> tuple[SecretStr, ...]:
    try:
        mode = file.stat().st_mode & 0o077
        lines = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"the keys that seal plans cannot be read from {file}: {error}") from None
    if mode and os.name == "posix":
        raise ConfigurationError(
            f"{file} can be read or written by other users of this machine, so its keys prove nothing: "
            "delete it, and the next start makes a new one (runs in flight must then be started again)"
        )
    if not lines:
        raise ConfigurationError(f"{file} contains no key: delete it, and the next start makes a new one")
    return tuple(SecretStr(line) for line in lines)
