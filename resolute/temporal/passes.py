"""Leaves out what Temporal's SDK does to every value of every task, where there is nothing to do to it."""

from __future__ import annotations

import functools
from typing import Any, Final

import temporalio.bridge.worker

_STORED: Final = (
    b"json/external-storage-reference",
    b"__temporal_external_storage_reference",
    b"ExternalStorageReference",
)
"""What a value that is stored elsewhere has in it, in any of the forms that the SDK has had for it."""


def leave_out_passes() -> None:
    """Has the SDK not go through the values of a task that are neither encrypted nor stored elsewhere.

    It goes three times through all that a task brings, and three times through all that it answers, to encrypt values,
    to store large ones, and to encrypt where those are stored: a fifth of a worker's time. It has no option for
    a worker that does none of that. A value that is stored elsewhere is still seen, and refused by such a worker.
    """
    sdk: Any = temporalio.bridge.worker
    if hasattr(sdk.encode_completion, "__wrapped__"):
        return
    metrics = sdk.temporalio.converter._extstore.StorageOperationMetrics
    decode_with_passes, encode_with_passes = sdk.decode_activation, sdk.encode_completion

    @functools.wraps(decode_with_passes)
    async def decode(activation: Any, data_converter: Any, *rest: Any, **options: Any) -> Any:
        if _as_it_is(data_converter):
            written = activation.SerializeToString()
            if not any(mark in written for mark in _STORED):
                return metrics()
        return await decode_with_passes(activation, data_converter, *rest, **options)

    @functools.wraps(encode_with_passes)
    async def encode(completion: Any, data_converter: Any, *rest: Any, **options: Any) -> Any:
        if _as_it_is(data_converter):
            return metrics()
        return await encode_with_passes(completion, data_converter, *rest, **options)

    sdk.decode_activation, sdk.encode_completion = decode, encode


def _as_it_is(data_converter: Any) -> bool:
    return data_converter.payload_codec is None and data_converter.external_storage is None
