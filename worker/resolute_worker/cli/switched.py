"""Tells whoever looks at runs which switches are on: they are why nothing goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resolute.plan.errors import ConfigurationError
from resolute_worker.cli.saying import say
from resolute_worker.settings import load_settings

if TYPE_CHECKING:
    from temporalio.client import Client


async def tell_switches(client: Client) -> None:
    """One line where a switch is on."""
    from resolute.temporal.wire.switches import read_switches
    from resolute_worker.keys import keys_for_client
    from resolute_worker.switches import spoken

    try:
        found = await read_switches(client, await keys_for_client(client, load_settings()))
    except ConfigurationError as error:
        say(str(error))
        return
    if not found.switches.are_off:
        say(spoken(found.switches))
