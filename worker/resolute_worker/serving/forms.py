"""What a browser sends with a form: bounded in size, fields and time."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from resolute.plan.errors import ResoluteError

LARGEST: Final = 128 * 1024
"""Bytes of what a browser sends."""

BODY_SECONDS: Final = 15.0
_MOST_FIELDS: Final = 500


class FormTooLargeError(ResoluteError):
    """A browser has sent more than any form of ours."""

    def __init__(self) -> None:
        super().__init__(f"More than {LARGEST:,} bytes.")


class FormUnreadableError(ResoluteError):
    """What was sent is no form."""

    def __init__(self) -> None:
        super().__init__("That is not what the form sends.")


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of one that is sent twice, the last.

    Raises:
        FormTooLargeError: it is too large.
        FormUnreadableError: it cannot be read.
        TimeoutError: it took too long.
    """
    chunks: list[bytes] = []
    size = 0
    async with asyncio.timeout(BODY_SECONDS):
        async for chunk in request.stream():
            size += len(chunk)
            if size > LARGEST:
                raise FormTooLargeError
            chunks.append(chunk)
    try:
        return dict(parse_qsl(b"".join(chunks).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise FormUnreadableError from None
