"""How each kind of step runs: one line a kind."""

from typing import Final

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
from resolute.plan.step import Step
from resolute.running.kinds.alarm import run_alarm
from resolute.running.kinds.budget import run_budget
from resolute.running.kinds.call import run_call
from resolute.running.kinds.child import run_child
from resolute.running.kinds.each import run_each
from resolute.running.kinds.gate import run_gate
from resolute.running.kinds.move import run_move
from resolute.running.kinds.parallel import run_parallel
from resolute.running.kinds.repeat import run_repeat
from resolute.running.kinds.sleep import run_sleep
from resolute.running.kinds.wait import run_wait
from resolute.running.kinds.when import run_when
from resolute.running.run import Running

RUNNING: Final[dict[type[Step], Running]] = {
    Call: Running(run_call, takes_turns=True),
    When: Running(run_when),
    Parallel: Running(run_parallel),
    Child: Running(run_child, takes_turns=True),
    Repeat: Running(run_repeat),
    Gate: Running(run_gate, is_held=False),
    Sleep: Running(run_sleep),
    Each: Running(run_each),
    Wait: Running(run_wait),
    Alarm: Running(run_alarm),
    Budget: Running(run_budget, takes_turns=True),
    Move: Running(run_move, takes_turns=True),
}
