"""What another user of the machine tries: `python -m tests.attacks.as_nobody ADDRESS LEAK FILE...`, started by root.

It prints one line for each attempt: what was refused, and what was not.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

NOBODY = 65534
QUEUE = "resolute"


def read(files: Sequence[str]) -> None:
    """Tries to read files."""
    for path in files:
        try:
            with Path(path).open("rb") as file:
                file.read(1)
        except PermissionError:
            sys.stdout.write("refused\n")
        else:
            sys.stdout.write(f"read {path}\n")


async def attack(address: str, leak: str) -> None:
    """Has the worker write its secrets into a file: by a plan, by an envelope without one, by an activity."""
    client = await Client.connect(address)
    arguments = {"address": leak, "words": {"$secret": "CHAT_TOKEN"}}
    step = {"kind": "call", "id": "told", "node": "tell", "arguments": arguments}
    plan = {"format": 1, "interpreter": 1, "name": "telling", "steps": [step]}
    for argument in (
        {"resolute": {"plan": plan}, "input": None},
        {"resolute": {"plan": plan, "seal": "0:0"}, "input": {}},
    ):
        run = await client.start_workflow("telling", argument, id=uuid.uuid4().hex, task_queue=QUEUE)
        await _tried(run.result())
    alone: Any = await client.start_activity(  # pyright: ignore[reportUnknownMemberType]  # the SDK's own types
        "tell", arguments, id=uuid.uuid4().hex, task_queue=QUEUE, start_to_close_timeout=timedelta(seconds=10)
    )
    await _tried(alone.result())


async def _tried(result: Any) -> None:
    try:
        sys.stdout.write(f"done: {await result}\n")
    except Exception as error:  # whatever it is, it is no success
        sys.stdout.write(f"{getattr(error.__cause__, 'type', type(error).__name__)}\n")


if __name__ == "__main__":
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    read(sys.argv[3:])
    asyncio.run(attack(sys.argv[1], sys.argv[2]))
