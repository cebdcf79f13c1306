"""Values are encrypted with the first key and decrypted with all; whoever cannot read one says which is missing."""

import asyncio

import pytest
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from resolute.plan.errors import ConfigurationError
from resolute.temporal.values.ciphers import ENCRYPTED, EncryptingCodec, PayloadKeys, UnreadablePayloadError, key_id_of
from resolute.temporal.values.converting import data_converter
from resolute_worker.settings import load_settings

OLD, NEW, OTHER = ("old:" + 32 * "0a", "new:" + 32 * "0b", "old:" + 32 * "0c")
VALUE = {"customer": "ada@example.com"}


def keys(*words: str) -> PayloadKeys:
    return PayloadKeys.of([SecretStr(word) for word in words])


def written(*words: str) -> Payload:
    """A value as a process with these keys writes it."""
    return asyncio.run(data_converter(keys(*words)).encode([VALUE]))[0]


def read(payload: Payload, *words: str) -> object:
    return asyncio.run(data_converter(keys(*words)).decode([payload]))[0]


def test_what_is_written_cannot_be_read_without_the_key() -> None:
    """Neither the value nor how it was encoded is in the payload, and equal values do not look equal."""
    first, again = written(NEW), written(NEW)

    assert (ENCRYPTED, "new") == (first.metadata["encoding"], key_id_of(first))
    assert b"ada" not in first.SerializeToString()
    assert b"json/plain" not in first.SerializeToString()
    assert first.data != again.data


def test_keys_are_replaced_one_after_the_other() -> None:
    """The first key encrypts; what was written with another one, or without any, is still read."""
    assert ["new", VALUE, VALUE, VALUE] == [
        key_id_of(written(NEW, OLD)),
        read(written(OLD), NEW, OLD),
        read(written(NEW, OLD), OLD, NEW),
        read(written(), NEW),
    ]


def test_keys_can_be_given_out_before_they_are_used() -> None:
    """With `none` in front everything is read and nothing encrypted: texts of failures neither."""
    converter = data_converter(keys("none", NEW))

    assert ("", VALUE) == (key_id_of(written("none", NEW)), read(written(NEW), "none", NEW))
    assert type(DataConverter.default.failure_converter) is type(converter.failure_converter)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "encrypted with key 'old', which is not in RESOLUTE_PAYLOAD_KEYS (it is not set): add old:KEY to it"),
        ((NEW,), "encrypted with key 'old', which is not in RESOLUTE_PAYLOAD_KEYS (it has new)"),
        ((OTHER,), "cannot be decrypted with key 'old': it was changed or damaged, or another key has that id"),
    ],
)
def test_a_missing_key_is_named(words: tuple[str, ...], said: str) -> None:
    """Without its key, or with another key of its id, a value is refused in words, and nothing of it is shown."""
    with pytest.raises(UnreadablePayloadError) as refused:
        read(written(OLD), *words)

    assert said in str(refused.value)


def test_what_was_changed_is_refused() -> None:
    """One changed bit, a cut-off end or another key's id: no value is made of that."""
    whole = written(OLD, NEW)
    for at in (0, 20, len(whole.data) - 1):
        changed = Payload(
            metadata=whole.metadata, data=whole.data[:at] + bytes([whole.data[at] ^ 1]) + whole.data[at + 1 :]
        )
        with pytest.raises(UnreadablePayloadError, match="changed or damaged"):
            read(changed, OLD, NEW)
    for cut in (0, 10, 30, len(whole.data) - 1):
        with pytest.raises(UnreadablePayloadError, match="changed or damaged"):
            read(Payload(metadata=whole.metadata, data=whole.data[:cut]), OLD, NEW)
    renamed = Payload(metadata={**whole.metadata, "encryption-key-id": b"new"}, data=whole.data)
    with pytest.raises(UnreadablePayloadError, match="changed or damaged"):
        read(renamed, OLD, NEW)


def test_what_many_processes_wrote_needs_bounded_memory() -> None:
    """Each process derives a key of its own; a reader keeps those that it used last."""
    reader = EncryptingCodec(keys(OLD))
    for _ in range(300):
        read_back = asyncio.run(reader.decode([written(OLD)]))
        assert b"json/plain" == read_back[0].metadata["encoding"]

    assert 256 == len(reader._derived)  # pyright: ignore[reportPrivateUsage]  # it is not seen from outside


@pytest.mark.parametrize("word", ["short:00", "no-id", ":" + 64 * "0", "x:" + 64 * "g", f"a b:{64 * '0'}"])
def test_a_key_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """The message names the variable and how to make a key, and shows none."""
    monkeypatch.setenv("RESOLUTE_PAYLOAD_KEYS", word)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert str(refused.value).startswith("RESOLUTE_PAYLOAD_KEYS")
    assert "openssl rand -hex 32" in str(refused.value)
    assert word not in str(refused.value)


def test_two_keys_of_one_id_are_refused() -> None:
    """Which of them a value was written with could not be known."""
    with pytest.raises(ConfigurationError, match="have the same id"):
        keys(OLD, OTHER)


def test_keys_are_not_shown() -> None:
    """No representation of the settings or of the keys holds one."""
    settings = load_settings(payload_keys=OLD)

    assert OLD.partition(":")[2] not in repr(settings) + settings.model_dump_json() + repr(keys(OLD))
