"""Small shared words of the simulator: JSON, times, ids and references."""

import hashlib
from base64 import b32encode
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, cast

Json = dict[str, Any]
"""A JSON object as it travels; PagerDuty's bodies are open, so their values stay `Any`."""


def iso(moment: datetime) -> str:
    """Write a time as PagerDuty does in most answers: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(moment: datetime) -> str:
    """Write a time as webhooks do: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an ISO 8601 time, with or without a time part or an offset.

    A plus sign that was not percent-encoded arrives as a blank, so a blank before an offset is read as one.

    Raises:
        ValueError: If the text is no ISO 8601 time.
    """
    head, _, tail = text.strip().rpartition(" ")
    moment = datetime.fromisoformat(f"{head}+{tail}" if head and "T" in head else text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def as_object(value: object) -> Json | None:
    """Return the value if it is a JSON object, else None."""
    return cast(Json, value) if isinstance(value, dict) else None


def as_list(value: object) -> list[Any] | None:
    """Return the value if it is a JSON array, else None."""
    return cast("list[Any]", value) if isinstance(value, list) else None


def as_text(value: object) -> str | None:
    """Return the value if it is a string that is not blank, else None."""
    return value if isinstance(value, str) and value.strip() else None


class Ids:
    """Ids that look like PagerDuty's and are the same in every run with the same seed."""

    def __init__(self, seed: str = "simulator") -> None:
        self.seed = seed
        self._count: dict[str, int] = {}

    def _digest(self, kind: str) -> bytes:
        number = self._count.get(kind, 0) + 1
        self._count[kind] = number
        return hashlib.sha256(f"{self.seed}/{kind}/{number}".encode()).digest()

    def next(self, kind: str) -> str:
        """Return a new id of 14 characters that begins with P or Q, as PagerDuty's do.

        Some of PagerDuty's begin with R. Those are left out, because `pagerduty-cli` takes them for a mistake.
        """
        digest = self._digest(kind)
        return "PQ"[digest[0] % 2] + b32encode(digest[1:11]).decode()[:13]

    def hex(self, kind: str) -> str:
        """Return 32 hexadecimal characters, the shape of routing and deduplication keys."""
        return self._digest(kind).hex()[:32]

    def uuid(self, kind: str) -> str:
        """Return text in the shape of a UUID."""
        text = self.hex(kind)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def secret(self, kind: str) -> str:
        """Return 64 characters for a signing secret or a token."""
        return self._digest(kind).hex()


def without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with the value of Authorization hidden."""
    return {name: "[hidden]" if name == "authorization" else value for name, value in headers.items()}
