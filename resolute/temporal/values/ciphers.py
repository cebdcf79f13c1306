"""Encryption of everything that runs write into Temporal: AES-256-GCM, with keys that can be replaced.

Temporal's server then stores and passes on what it cannot read: inputs, outputs, plans, memory, messages, memos,
summaries, and the texts and details of failures. It has to read the rest, which stays as it is: ids and types of runs
and steps, search attributes, names of messages, and times.

Each process encrypts with a key of its own, derived from the given one and from a random number that is written beside
the ciphertext. So the number of values that a given key may encrypt is not bounded by the length of AES-GCM's nonce.
The id of the given key is authenticated together with each value. Where a value stands is not, because Temporal itself
moves values: the memory of a run goes to the next one, the memo of a run to the run that continues it. Whether a run
and its calls are to be believed is said by seals (see `seals`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from resolute.plan.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENCRYPTED: Final = b"binary/encrypted"
"""The encoding of an encrypted payload, as in Temporal's own samples."""

KEY_ID: Final = "encryption-key-id"
"""The metadata that names its key."""

PLAIN: Final = "none"
"""The first word of RESOLUTE_PAYLOAD_KEYS where values are written as they are, and only read with the keys."""

MOST_KEYS: Final = 16

_CIPHER: Final = "resolute/aes-256-gcm/1"
_FORM: Final = re.compile(r"(?P<id>[A-Za-z0-9._-]{1,64}):(?P<key>[0-9a-fA-F]{64})")
_SALT, _NONCE = 16, 12
_MOST_AT_HAND: Final = 256
_RENEWED_AFTER: Final = 2**30
"""How many values a derived key encrypts: far below what random nonces of 96 bits allow."""


class UnreadablePayloadError(ConfigurationError):
    """A value in Temporal is encrypted, and cannot be decrypted here."""


@dataclass(frozen=True)
class PayloadKey:
    """A key, and the id by which a value says that it was encrypted with it."""

    id: str
    secret: SecretStr

    @classmethod
    def of(cls, text: str) -> PayloadKey:
        """A key as it is configured: `ID:KEY`, the key as 64 hexadecimal digits.

        Raises:
            ConfigurationError: it has another form. The message does not show it.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ConfigurationError(
                "a key that encrypts values has the form ID:KEY, such as 2026-11:<64 hexadecimal digits>: "
                "make one with `openssl rand -hex 32`, and give it an id"
            )
        return cls(found["id"], SecretStr(found["key"].lower()))


@dataclass(frozen=True)
class PayloadKeys:
    """The keys that encrypt values: the first one encrypts, all of them decrypt. Without any, nothing is encrypted.

    Where `encrypts` is false they only decrypt: so every worker can read before the first one writes.

    Raises:
        ConfigurationError: two keys have the same id, or there are too many.
    """

    keys: tuple[PayloadKey, ...] = ()
    encrypts: bool = True

    @classmethod
    def of(cls, words: Sequence[SecretStr]) -> PayloadKeys:
        """Keys as they are configured, perhaps with `none` before them.

        >>> PayloadKeys.of([SecretStr("none"), SecretStr("2026-11:" + 64 * "0")]).ids
        ('2026-11',)

        Raises:
            ConfigurationError: one has another form, two have the same id, or there are too many.
        """
        said = [word.get_secret_value() for word in words]
        plain = said[:1] == [PLAIN]
        return cls(tuple(PayloadKey.of(word) for word in said[plain:]), encrypts=not plain)

    def __post_init__(self) -> None:
        ids = [key.id for key in self.keys]
        if len(set(ids)) < len(ids):
            raise ConfigurationError("two keys in RESOLUTE_PAYLOAD_KEYS have the same id: give each an id of its own")
        if len(ids) > MOST_KEYS:
            raise ConfigurationError(f"RESOLUTE_PAYLOAD_KEYS has {len(ids)} keys, {MOST_KEYS} are the most")

    def __bool__(self) -> bool:
        return bool(self.keys)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, that of the key that encrypts first."""
        return tuple(key.id for key in self.keys)


NO_PAYLOAD_KEYS: Final = PayloadKeys()


class EncryptingCodec(PayloadCodec):
    """Encrypts payloads with the first of its keys, and decrypts those of all of them.

    What was written before there were keys is passed on as it is.
    """

    def __init__(self, keys: PayloadKeys) -> None:
        self._secrets = {key.id: bytes.fromhex(key.secret.get_secret_value()) for key in keys.keys}
        self.ids = keys.ids
        self.key_id = keys.ids[0] if keys.encrypts else ""
        """The id of the key that encrypts; empty if values are only decrypted."""
        self._derived: OrderedDict[tuple[str, bytes], AESGCM] = OrderedDict()
        self._salt, self._used = os.urandom(_SALT), 0

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload, encrypted."""
        return [self._encrypted(payload) for payload in payloads] if self.key_id else list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Each payload as it was before it was encrypted.

        Raises:
            UnreadablePayloadError: its key is not among these, or it was changed or damaged.
        """
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        self._used += 1
        if self._used > _RENEWED_AFTER:
            self._salt, self._used = os.urandom(_SALT), 1
        nonce, key_id = os.urandom(_NONCE), self.key_id
        sealed = self._aes(key_id, self._salt).encrypt(nonce, payload.SerializeToString(), _beside(key_id))
        return Payload(
            metadata={"encoding": ENCRYPTED, "encryption-cipher": _CIPHER.encode(), KEY_ID: key_id.encode()},
            data=self._salt + nonce + sealed,
            external_payloads=payload.external_payloads,
        )

    def _decrypted(self, payload: Payload) -> Payload:
        if not is_encrypted(payload):
            return payload
        key_id = key_id_of(payload)
        if payload.metadata.get("encryption-cipher") != _CIPHER.encode():
            raise UnreadablePayloadError(
                f"a value in Temporal is encrypted in a way that this release does not know, with key {key_id!r}: "
                "another program wrote it, or a newer release"
            )
        if key_id not in self._secrets:
            raise missing_key(key_id, self.ids)
        from cryptography.exceptions import InvalidTag  # loaded by processes with keys only

        salt, nonce = payload.data[:_SALT], payload.data[_SALT : _SALT + _NONCE]
        try:
            plain = self._aes(key_id, salt).decrypt(nonce, payload.data[_SALT + _NONCE :], _beside(key_id))
            return Payload.FromString(plain)
        except (InvalidTag, ValueError, DecodeError):
            raise UnreadablePayloadError(
                f"a value in Temporal cannot be decrypted with key {key_id!r}: it was changed or damaged, or another "
                "key has that id in RESOLUTE_PAYLOAD_KEYS"
            ) from None

    def _aes(self, key_id: str, salt: bytes) -> AESGCM:
        """The cipher of a derived key; those used last are at hand."""
        known = self._derived.get((key_id, salt))
        if known is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # loaded by processes with keys only

            derived = hmac.new(self._secrets[key_id], b"resolute payload\0" + salt, hashlib.sha256).digest()
            known = self._derived[key_id, salt] = AESGCM(derived)
            if len(self._derived) > _MOST_AT_HAND:
                self._derived.popitem(last=False)
        self._derived.move_to_end((key_id, salt))
        return known


def is_encrypted(payload: Payload) -> bool:
    """Whether a payload is encrypted."""
    return payload.metadata.get("encoding") == ENCRYPTED


def key_id_of(payload: Payload) -> str:
    """The id of the key that a payload is encrypted with; empty if it is not encrypted."""
    return payload.metadata.get(KEY_ID, b"").decode(errors="replace")[:64] if is_encrypted(payload) else ""


def missing_key(key_id: str, ids: Sequence[str] = ()) -> UnreadablePayloadError:
    """The error for a value whose key is not here."""
    known = f"it has {', '.join(ids)}" if ids else "it is not set"
    return UnreadablePayloadError(
        f"a value in Temporal is encrypted with key {key_id!r}, which is not in RESOLUTE_PAYLOAD_KEYS ({known}): "
        f"add {key_id}:KEY to it"
    )


def _beside(key_id: str) -> bytes:
    return f"{_CIPHER}\0{key_id}".encode()
