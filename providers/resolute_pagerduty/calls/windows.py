"""Creates a maintenance window once.

PagerDuty has no deduplication key for windows, and creates as many identical ones as requested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from resolute_pagerduty.account.account import Account, object_in
from resolute_pagerduty.account.doubt import may_have_sent
from resolute_pagerduty.calls.events import given
from resolute_pagerduty.calls.incidents import reference
from resolute_pagerduty.calls.paging import walk
from resolute_pagerduty.calls.repeats import take_back
from resolute_pagerduty.http.operations import (
    CREATE_MAINTENANCE_WINDOW,
    DELETE_MAINTENANCE_WINDOW,
    LIST_MAINTENANCE_WINDOWS,
)
from resolute_pagerduty.models.services import MaintenanceWindow


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A maintenance window that should exist."""

    service_ids: Sequence[str]
    start: datetime
    end: datetime
    description: str

    def is_it(self, window: MaintenanceWindow) -> bool:
        """Whether a window is this one. PagerDuty moves a start in the past to the time of the request."""
        if window.start_time is None:
            return False
        begins = window.start_time == self.start or self.start < window.start_time <= datetime.now(UTC)
        return (
            begins
            and (window.end_time, window.description) == (self.end, self.description)
            and {service.id for service in window.services} == set(self.service_ids)
        )

    def body(self) -> object:
        """The window as PagerDuty expects it."""
        return given(
            type="maintenance_window",
            start_time=self.start.isoformat(),
            end_time=self.end.isoformat(),
            description=self.description or None,
            services=[reference(service, "service") for service in self.service_ids],
        )


async def window_once(account: Account, wanted: Wanted) -> tuple[MaintenanceWindow, bool]:
    """The window, and whether it is new."""
    sent_before = may_have_sent()
    found = await _the_only_one(account, wanted, own=sent_before)
    if found is not None:
        return found, False
    answer = await account.send(CREATE_MAINTENANCE_WINDOW, body={"maintenance_window": wanted.body()})
    made = MaintenanceWindow.model_validate(object_in(answer, "maintenance_window"))
    # What an earlier attempt sent may have arrived by now.
    return (await _the_only_one(account, wanted, own=True) if sent_before else None) or made, True


async def _the_only_one(account: Account, wanted: Wanted, *, own: bool) -> MaintenanceWindow | None:
    """The existing window, None if there is none. If the step made several, all but the first are ended."""
    query = {"service_ids": wanted.service_ids, "filter": "all"}
    walked = await walk(account, LIST_MAINTENANCE_WINDOWS, "maintenance_windows", MaintenanceWindow, query=query)
    found = sorted(
        filter(wanted.is_it, walked.items), key=lambda window: (window.start_time or wanted.start, window.id)
    )
    for each in found[1:] if own else ():
        await take_back(account, DELETE_MAINTENANCE_WINDOW, {"id": each.id})
    return found[0] if found else None
