"""What decides whether a switch stops a call, and what has become of the call until then."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import monotonic
from typing import cast

from temporalio import activity

from resolute.plan.context import CallContext
from resolute.plan.values import Json, JsonObject
from resolute.running.made import NOTHING_MADE, Made, made_from
from resolute.running.pausing import said_of
from resolute.running.switches import Stop
from resolute.temporal.wire.attempts import as_detail, split
from resolute.temporal.wire.elsewhere import Waits
from resolute.temporal.wire.heartbeats import Heart

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class About:
    """What a run says of a call beside its arguments: see `CallRequest`, `CallContext` and `Waits`."""

    flows: tuple[str, ...] = ()
    made: Made = NOTHING_MADE
    lifted: bool = False
    dry: bool = False
    waits: Waits | None = None

    @classmethod
    def of(cls, data: Json, *, dry: bool) -> About:
        """What `resolute.temporal.wire.activity` wrote; nothing where it had nothing to say."""
        held = cast("JsonObject", data or {})
        return cls(
            flows=tuple(str(flow) for flow in cast("list[Json]", held.get("flows", []))),
            made=made_from(held.get("made")),
            lifted=held.get("lifted") is True,
            dry=dry,
            waits=Waits.of(held.get("waits")),
        )


def made_until(info: activity.Info, call: CallContext, before: Made, heart: Heart | None, *, begun: bool) -> Made:
    """What has become of a call that is stopped now; `begun` says that its node had begun."""
    left = None if info.schedule_to_close_timeout is None else call.last_deadline - monotonic()
    failed = heart.before if heart else split([before.failed])[1]
    return Made(
        attempts=call.attempt - (not begun),
        earlier=before.earlier,
        counted=before.counted + info.attempt - 1,
        heartbeat=heart.said if heart else before.heartbeat,
        failed=as_detail(failed),
        left=left,
        unheard=call.unheard and not begun,
    )


def tell_stopped(call: CallContext, stop: Stop) -> None:
    """One line in the log for a call that a switch has stopped."""
    about = {"flow": call.flow, "run": call.workflow_id, "step": call.step, "stopped": stop.why}
    what = f"{stop.flow or 'everything'} is paused" if stop.why == "pause" else "the brake is on"
    if stop.why == "unread":
        log.warning("step %s waits: it is not known yet whether the brake is on", call.step, extra=about)
        return
    log.log(
        logging.INFO if stop.why == "pause" else logging.WARNING,
        "step %s waits: %s, %s",
        call.step,
        what,
        said_of(stop.facts()),
        extra=about,
    )
