"""The flows that run under chaos, as a file of flows of its own."""

from __future__ import annotations

from typing import Final

SOURCE: Final = """
from datetime import timedelta
from pydantic import BaseModel
from resolute import TerminalError, each, flow, input_data, manual, node, sleep, text
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
"""
