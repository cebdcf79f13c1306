"""How each kind of step is compiled: one line a kind."""

from typing import Final

from resolute.writing.kinds.call import DraftCall, DraftMistake, compile_call, compile_mistake
from resolute.writing.kinds.each import DraftEach, compile_each
from resolute.writing.kinds.parallel import DraftParallel, compile_parallel
from resolute.writing.kinds.repeat import DraftRepeat, compile_repeat
from resolute.writing.kinds.sleep import DraftSleep, compile_sleep
from resolute.writing.kinds.wait import DraftWait, compile_wait
from resolute.writing.kinds.when import DraftWhen, compile_when
from resolute.writing.step import Draft
from resolute.writing.steps import Compiling

COMPILING: Final[dict[type[Draft], Compiling]] = {
    DraftCall: compile_call,
    DraftMistake: compile_mistake,
    DraftWhen: compile_when,
    DraftParallel: compile_parallel,
    DraftRepeat: compile_repeat,
    DraftSleep: compile_sleep,
    DraftEach: compile_each,
    DraftWait: compile_wait,
}
"""Each reports every mistake in its draft."""
