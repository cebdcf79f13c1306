"""How values become Temporal's payloads: as the SDK does it, encrypted where there are keys."""

from __future__ import annotations

from typing import Any, Final, cast

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
)

from resolute.temporal.ciphers import (
    ENCRYPTED,
    NO_PAYLOAD_KEYS,
    EncryptingCodec,
    PayloadKeys,
    key_id_of,
    missing_key,
)


class _Encrypted(EncodingPayloadConverter):
    """Says which key is missing, where a process without keys meets an encrypted value."""

    @property
    def encoding(self) -> str:
        """The encoding that it stands for."""
        return ENCRYPTED.decode()

    def to_payload(self, value: Any) -> Payload | None:
        """Writes nothing."""
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Reads nothing.

        Raises:
            UnreadablePayloadError: always.
        """
        raise missing_key(key_id_of(payload))


class PlainConverter(CompositePayloadConverter):
    """The SDK's converters, and one that explains what it cannot read."""

    def __init__(self) -> None:
        super().__init__(*DefaultPayloadConverter.default_encoding_payload_converters, _Encrypted())


PLAIN: Final = DataConverter(payload_converter_class=cast("Any", PlainConverter))
"""The converter of a process without keys."""


def data_converter(keys: PayloadKeys = NO_PAYLOAD_KEYS) -> DataConverter:
    """The converter for a client of Temporal.

    With keys, values are encrypted, and so are the texts and traces of failures.
    """
    if not keys:
        return PLAIN
    return DataConverter(
        payload_converter_class=cast("Any", PlainConverter),
        payload_codec=EncryptingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes
        if keys.encrypts
        else DefaultFailureConverter,
    )


def encrypting_id(converter: DataConverter) -> str:
    """The id of the key that a converter encrypts with; empty where it encrypts nothing."""
    codec = converter.payload_codec
    return codec.key_id if isinstance(codec, EncryptingCodec) else ""
