"""How each kind of step is compiled, and turned back into what an author writes: one line a kind, each way."""

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
from resolute.writing.kinds.alarm import DraftAlarm, compile_alarm, lift_alarm
from resolute.writing.kinds.asking import compile_gate
from resolute.writing.kinds.budget import DraftBudget, compile_budget, lift_budget
from resolute.writing.kinds.call import DraftCall, DraftMistake, compile_call, compile_mistake, lift_call
from resolute.writing.kinds.child import DraftChild, compile_child, lift_child
from resolute.writing.kinds.each import DraftEach, lift_each
from resolute.writing.kinds.gate import DraftGate, lift_gate
from resolute.writing.kinds.items import compile_each
from resolute.writing.kinds.move import DraftMove, compile_move, lift_move
from resolute.writing.kinds.parallel import DraftParallel, compile_parallel, lift_parallel
from resolute.writing.kinds.repeat import DraftRepeat, compile_repeat, lift_repeat
from resolute.writing.kinds.sleep import DraftSleep, compile_sleep, lift_sleep
from resolute.writing.kinds.wait import DraftWait, compile_wait, lift_wait
from resolute.writing.kinds.when import DraftWhen, compile_when, lift_when
from resolute.writing.lifting import Lifting
from resolute.writing.step import Draft
from resolute.writing.steps import Compiling

COMPILING: Final[dict[type[Draft], Compiling]] = {
    DraftCall: compile_call,
    DraftMistake: compile_mistake,
    DraftWhen: compile_when,
    DraftParallel: compile_parallel,
    DraftChild: compile_child,
    DraftRepeat: compile_repeat,
    DraftGate: compile_gate,
    DraftSleep: compile_sleep,
    DraftEach: compile_each,
    DraftWait: compile_wait,
    DraftAlarm: compile_alarm,
    DraftBudget: compile_budget,
    DraftMove: compile_move,
}
"""Each reports every mistake in its draft."""

LIFTING: Final[dict[type[Step], Lifting]] = {
    Call: lift_call,
    When: lift_when,
    Parallel: lift_parallel,
    Sleep: lift_sleep,
    Each: lift_each,
    Repeat: lift_repeat,
    Child: lift_child,
    Wait: lift_wait,
    Gate: lift_gate,
    Alarm: lift_alarm,
    Budget: lift_budget,
    Move: lift_move,
}
"""What an author would have written for a step of a plan: each is the way back from what is compiled."""
