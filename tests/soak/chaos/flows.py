"""The flows that run under chaos, as a file of flows of its own."""

from __future__ import annotations

from typing import Final

HOOK: Final = "/hooks/chaos"
GATE: Final = "approved"
GRANTED: Final = 2
"""How many a budget grants for each key."""

HEALTH: Final = "health"
"""The file, in the workers' folder, that says how the thing is that an alarm watches."""

OURS: Final = ("paged", "undone", "alone", "hooked", "asked", "outer", "inner", "spent", "watched")
"""All of them. `inner` is the child of `outer`."""

SOURCE: Final = """
from datetime import timedelta
from pydantic import BaseModel
from resolute import (
    TerminalError, branch, budget, by_field, child, each, flow, gate, input_data, manual, node, repeat, sleep, text,
    unverified, webhook,
)
import resolute_pagerduty as pagerduty

class Case(BaseModel):
    number: int
    key: str = ""
    incident: str = ""
    fails: bool = False

@node(effect="read")
async def look(number: int, fails: bool) -> int:
    if fails:
        raise TerminalError("this one is to fail")
    return number

@node(lane="local")
async def glance(number: int) -> int:
    return number + 1

case = input_data(Case)
go = manual("go", input=Case)
a_moment = sleep(timedelta(seconds=0.3))

def opened(key, name="opened"):
    return pagerduty.trigger_event(summary=key, source="chaos", severity="error", dedup_key=key).as_(name)

def closed(key, name="closed"):
    return pagerduty.resolve_event(dedup_key=key).as_(name)

own = text("paged-{}", case.number)
paged = (
    flow("paged").triggered_by(go)
    .then(opened(own))
    .then(glance(case.number).as_("glanced"))
    .then(a_moment)
    .then(pagerduty.add_note(incident_id=case.incident, content=own).as_("noted"))
    .then(look(case.number, False).as_("looked"))
    .then(closed(own))
    .build()
)

first, second = text("undone-{}-a", case.number), text("undone-{}-b", case.number)
undone = (
    flow("undone").triggered_by(go)
    .then(opened(first, "open_a").on_failure(closed(first, "close_a")))
    .then(opened(second, "open_b").on_failure(closed(second, "close_b")))
    .then(each([1, 2, 3], lambda item: look(item, False).as_("one"), at_once=2).as_("items"))
    .then(a_moment)
    .then(look(case.number, case.fails).as_("looked"))
    .build()
)

held = text("{}", case.key)
alone = (
    flow("alone", one_per=case.key, while_running="queue").triggered_by(go)
    .then(opened(held))
    .then(a_moment)
    .then(closed(held))
    .build()
)

delivered = text("hooked-{}", case.number)
hooked = (
    flow("hooked")
    .triggered_by(webhook("/hooks/chaos", verify=unverified(), input=Case, once=by_field(case.number)))
    .then(opened(delivered))
    .then_parallel(glance(case.number).as_("one"), look(case.number, False).as_("other"))
    .then(closed(delivered))
    .build()
)

agreed = text("asked-{}", case.number)
asked = (
    flow("asked").triggered_by(go)
    .then(gate("approved", ask="Go on?", timeout=timedelta(hours=1)).as_("approved"))
    .then(opened(agreed))
    .then(closed(agreed))
    .build()
)

within = text("inner-{}", case.number)
turn = look(case.number, False).as_("turn")
inner = (
    flow("inner").triggered_by(go)
    .then(opened(within))
    .then(repeat(branch().then(turn), until=turn.output == case.number, at_most=2).as_("turns"))
    .then(closed(within))
    .build()
)
outer = flow("outer").triggered_by(go).then(child(inner, {"number": case.number}).as_("inner")).build()

granted = budget("chaos", at_most=2, per=timedelta(days=1), key=case.key).as_("granted")
bought = text("spent-{}", case.number)
spent = (
    flow("spent").triggered_by(go)
    .then(granted)
    .when(granted.output.granted)
        .then(opened(bought))
        .then(closed(bought))
    .end_when()
    .build()
)
"""

WATCHED: Final = """
from datetime import timedelta
from pathlib import Path
from resolute import alarm, every, flow, node
import resolute_pagerduty as pagerduty

@node(effect="read")
async def sight() -> str:
    return Path("health").read_text()

seen = sight().as_("seen")
watched = (
    flow("watched").triggered_by(every(timedelta(seconds=2)))
    .then(seen)
    .then(alarm("watched", bad=seen.output == "bad", incident=pagerduty.incident_for(dedup_key="watched")))
    .build()
)
"""
