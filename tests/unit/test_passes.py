"""A worker does to the values of its tasks what is to be done to them, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import temporalio.bridge.worker
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivation, WorkflowActivationJob
from temporalio.converter import DataConverter

from resolute.temporal.passes import leave_out_passes
from resolute.temporal.values.ciphers import EncryptingCodec, PayloadKeys

PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"checkout"')


async def _decoded(value: Payload, converter: DataConverter) -> Payload:
    """What a run is given of a value that its first task brings."""
    leave_out_passes()
    start = InitializeWorkflow(arguments=[value])
    activation = WorkflowActivation(jobs=[WorkflowActivationJob(initialize_workflow=start)])
    sdk: Any = temporalio.bridge.worker
    await sdk.decode_activation(activation, converter, decode_headers=False, storage_concurrency_limit=1)
    return activation.jobs[0].initialize_workflow.arguments[0]


async def test_a_plain_value_stays_as_it_is() -> None:
    """Where nothing is encrypted and nothing stored elsewhere, a run is given what was written."""
    assert PLAIN == await _decoded(PLAIN, DataConverter.default)


async def test_an_encrypted_value_is_decrypted() -> None:
    """With a key, a run is given what was encrypted."""
    codec = EncryptingCodec(PayloadKeys.of([SecretStr("new:" + 32 * "0b")]))
    (encrypted,) = await codec.encode([PLAIN])

    assert PLAIN != encrypted
    assert PLAIN == await _decoded(encrypted, replace(DataConverter.default, payload_codec=codec))


@pytest.mark.parametrize(
    "stored",
    [
        Payload(metadata={"encoding": b"json/external-storage-reference"}, data=b"{}"),
        Payload(metadata={"encoding": b"json/plain", "__temporal_external_storage_reference": b"true"}, data=b"{}"),
        Payload(
            metadata={
                "encoding": b"json/protobuf",
                "messageType": b"temporal.api.sdk.v1.ExternalStorageReference",
            },
            data=b"{}",
        ),
    ],
    ids=["by its encoding", "by its mark", "by its type"],
)
async def test_a_value_that_is_stored_elsewhere_is_refused(stored: Payload) -> None:
    """A worker without the store says so, in place of giving a run the reference as if it were the value."""
    with pytest.raises(RuntimeError, match="TMPRL1105"):
        await _decoded(stored, DataConverter.default)
