"""How values become Temporal's payloads: as the SDK does it, encrypted with keys, and large ones in a store."""

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
    ExternalStorage,
    JSONProtoPayloadConverter,
)

from resolute.temporal.values.ciphers import (
    ENCRYPTED,
    NO_PAYLOAD_KEYS,
    EncryptingCodec,
    PayloadKeys,
    UnreadablePayloadError,
    key_id_of,
    missing_key,
)
from resolute.temporal.values.stored import REFERENCE, THRESHOLD, Store, StoredValues

NO_STORE: Final = (
    "a value is stored outside of Temporal, and RESOLUTE_PAYLOAD_STORE is not set: "
    "set it to the store that the workers have"
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


class _Reference(JSONProtoPayloadConverter):
    """Says what is missing, where a process without a store meets a value that is stored outside of Temporal."""

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Reads messages other than references.

        Raises:
            UnreadablePayloadError: it is a reference.
        """
        if payload.metadata.get("messageType") == REFERENCE:
            raise UnreadablePayloadError(NO_STORE)
        return super().from_payload(payload, type_hint)


class PlainConverter(CompositePayloadConverter):
    """The SDK's converters, and one that explains what it cannot read."""

    def __init__(self) -> None:
        super().__init__(*DefaultPayloadConverter.default_encoding_payload_converters, _Reference(), _Encrypted())


PLAIN: Final = DataConverter(payload_converter_class=cast("Any", PlainConverter))
"""The converter of a process without keys."""


def data_converter(keys: PayloadKeys = NO_PAYLOAD_KEYS, store: Store | None = None) -> DataConverter:
    """The converter for a client of Temporal.

    With keys, values are encrypted, and so are the texts and traces of failures. With a store, large values are kept
    there, encrypted as well.
    """
    if not keys and store is None:
        return PLAIN
    return DataConverter(
        payload_converter_class=cast("Any", PlainConverter),
        payload_codec=EncryptingCodec(keys) if keys else None,
        external_storage=ExternalStorage([StoredValues(store)], payload_size_threshold=THRESHOLD) if store else None,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes
        if keys and keys.encrypts
        else DefaultFailureConverter,
    )


def encrypting_id(converter: DataConverter) -> str:
    """The id of the key that a converter encrypts with; empty where it encrypts nothing."""
    codec = converter.payload_codec
    return codec.key_id if isinstance(codec, EncryptingCodec) else ""
