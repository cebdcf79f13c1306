"""Memory of runs that write nothing, kept apart from that of runs that do.

A shadow remembers what shadows before it have seen, as if they had done what they would have done. Beside that it
carries the memory of the last live run, untouched: what is made up never reaches a run that writes, and what was
known before the shadow is known again after it. A dry run reads what a live run would read, and hands nothing on.
"""

from __future__ import annotations

from dataclasses import replace

from resolute.plan.plan import Mode
from resolute.running.recall import Memory


def memory_for(mode: Mode, given: Memory | None) -> Memory | None:
    """What a run reads of what it is given; the first shadow begins with what live runs knew."""
    return given.shadow if mode == "shadow" and given is not None and given.shadow is not None else given


def memory_from(mode: Mode, given: Memory | None, own: Memory | None) -> Memory | None:
    """What a run hands on that was given `given` and would hand on `own`."""
    if own is None or mode == "live":
        return own
    if mode == "dry":
        return given
    known = given or Memory({})
    return replace(known, run=known.run + 1, shadow=replace(own, shadow=None))
