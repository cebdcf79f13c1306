"""The register of what a plan may hold: one line a kind. How it is written and run stands on the other floors."""

from resolute.plan.kinds.alarm import Alarm
from resolute.plan.kinds.budget import Budget
from resolute.plan.kinds.call import Call
from resolute.plan.kinds.child import Child
from resolute.plan.kinds.each import Each
from resolute.plan.kinds.gate import Gate
from resolute.plan.kinds.move import Move
from resolute.plan.kinds.parallel import Parallel
from resolute.plan.kinds.repeat import Repeat
from resolute.plan.kinds.sleep import Sleep
from resolute.plan.kinds.wait import Wait
from resolute.plan.kinds.when import When
from resolute.plan.step import register

register(
    Call,
    When,
    Parallel,
    Repeat,
    Gate,
    Child,
    Sleep,
    Each,
    Wait,
    Alarm,
    Budget,
    Move,
)
