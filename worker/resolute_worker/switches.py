"""The switches as a worker knows them: a copy that is renewed every second, and kept where Temporal cannot be asked."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from resolute.plan.errors import ConfigurationError
from resolute.running.pausing import said_of
from resolute.running.switches import Switches
from resolute.temporal.trust.seals import PlanKeys
from resolute.temporal.wire.switches import Found, read_switches, seal_anew

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two looks."""

_PATIENCE: Final = timedelta(seconds=1)
_FIRST_PATIENCE: Final = timedelta(seconds=5)


class SwitchesWatch:
    """A worker's copy of the switches. `now` is None as long as it could not read them once."""

    def __init__(self, client: Client, keys: PlanKeys) -> None:
        self._client = client
        self._keys = keys
        self._known: Switches | None = None
        self._trouble = ""

    def now(self) -> Switches | None:
        """How the switches stand, as far as is known."""
        return self._known

    async def begin(self) -> None:
        """Reads the switches for the first time, before the worker takes any work."""
        found = await self.look(_FIRST_PATIENCE)
        if found is not None:
            with suppress(RPCError):  # the next worker that starts does it
                await seal_anew(self._client, self._keys, found)

    async def watch(self) -> None:
        """Renews the copy until it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.look(_PATIENCE)

    async def look(self, patience: timedelta) -> Found | None:
        """Renews the copy. Where that cannot be done, what is known stays."""
        try:
            found = await read_switches(self._client, self._keys, patience=patience)
        except (RPCError, ConfigurationError) as error:
            self._tell_trouble(f"the switches cannot be read ({error})")
            return None
        if found.believed:
            self._take(found.switches)
        else:
            self._doubt(found.switches)
        return found

    def _take(self, found: Switches) -> None:
        known = self._known
        if known is not None and found.number < known.number and not (known.are_off and found.are_off):
            self._tell_trouble("the switches stand as they did before a change that this worker has seen")
            return
        if self._trouble:
            log.info("the switches are read again")
        self._trouble, self._known = "", found
        if found != known and (known is not None or not found.are_off):
            log.warning("switches: %s", spoken(found))

    def _doubt(self, found: Switches) -> None:
        """A state that is not sealed by a key of this worker changes nothing that is known."""
        if self._known is None and found.are_off:
            self._known = Switches()
        self._tell_trouble(
            "the switches are not sealed by a key of this worker: compare RESOLUTE_PLAN_KEYS, or throw one again "
            "(resolute brake off)"
        )

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            kept = "what was known of them stays" if self._known is not None else "writes wait until they are"
            log.warning("%s; %s", trouble, kept)
        self._trouble = trouble


def spoken(switches: Switches) -> str:
    """How switches stand, in one line."""
    found = [f"the brake is on, {said_of(switches.brake.as_json())}"] if switches.brake else []
    found += [f"everything is paused, {said_of(switches.everything.as_json())}"] if switches.everything else []
    found += [f"{flow} is paused, {said_of(thrown.as_json())}" for flow, thrown in switches.flows.items()]
    return "; ".join(found) or "all are off"
