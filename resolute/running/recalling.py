"""The memory of a flow that runs outside of a schedule too: asked when a run begins, and told when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from resolute.plan.keyed import at_path, spelled
from resolute.plan.plan import Plan
from resolute.plan.triggers import Heartbeat, Webhook
from resolute.plan.values import Json, JsonObject
from resolute.running.recall import Memory, memory_in_failure
from resolute.running.shared.asking import Asking, name_of
from resolute.running.shared.memories import KEYED_FOR, RECALL, REMEMBER

_RECALLS: Final = "run:recall"
_REMEMBERS: Final = "run:remember"
"""The ids of these questions; no step has such a name."""


@dataclass(frozen=True)
class Recalled:
    """What a run was told: what is kept, and whether what schedules handed on once is part of that."""

    memory: Memory | None = None
    taken: bool = False

    def with_handed(self, handed: Memory | None) -> Memory | None:
        """With what the run's schedule hands it, which counts only until it has become part of what is kept."""
        if handed is None or self.taken:
            return self.memory
        if self.memory is None:
            return handed
        kept = {name: {**_entries(handed, name), **_entries(self.memory, name)} for name in handed.kept}
        return Memory(
            {**handed.values, **self.memory.values},
            max(handed.run, self.memory.run),
            {**self.memory.kept, **kept},
            self.memory.shadow or handed.shadow,
        )


def recalling(plan: Plan, given: Json) -> Asking:
    """Asks what the flow's runs remember: those of the same key, where the flow has keys."""
    return Asking(step=_RECALLS, of=_name(plan, given), word=RECALL, data={})


def recalled_from(answer: Json) -> Recalled:
    """What was answered."""
    if not isinstance(answer, Mapping):
        return Recalled()
    shadow = answer["shadow"]
    memory = Memory(
        cast("JsonObject", answer["values"]),
        int(cast("int", answer["run"])),
        cast("JsonObject", answer["kept"]),
        None if shadow is None else memory_in_failure([shadow]),
    )
    return Recalled(memory, answer["taken"] is True)


def told_of(memory: Memory) -> Json:
    """What a run is told that finds this memory."""
    shadow = memory.shadow.as_detail() if memory.shadow else None
    return {"values": memory.values, "kept": memory.kept, "shadow": shadow, "run": memory.run, "taken": True}


def remembering(
    plan: Plan,
    given: Json,
    before: Recalled,
    after: Memory,
    completed: JsonObject,
    *,
    takes: bool,
    began: datetime,
) -> Asking:
    """Tells what a run has come to: the values of its own steps, and the entries that it has changed.

    `before` is what it was told when it `began`, `after` what it hands on. `takes` says that what its schedule handed
    on is part of that.
    """
    known = before.memory or Memory({})
    data: dict[str, Json] = {
        "steps": list(dict.fromkeys(read.step for read in plan.memory)),
        "values": {},
        "kept": {},
        "takes": takes,
        "began": began.isoformat(),
        "lasts": None if _key(plan, given) is None else KEYED_FOR,
    }
    if plan.mode == "shadow":
        data["shadow"] = after.shadow.as_detail() if after.shadow else None
    else:
        data["values"] = {
            step: value for step, value in after.values.items() if step in completed or step not in known.values
        }
        data["kept"] = {
            name: _changed(_entries(known, name), _entries(after, name)) for name in {**known.kept, **after.kept}
        }
    return Asking(step=_REMEMBERS, of=_name(plan, given), word=REMEMBER, data=data)


def _changed(before: JsonObject, after: JsonObject) -> JsonObject:
    changed = {key: entry for key, entry in after.items() if before.get(key) != entry}
    return {**changed, **{key: None for key in before if key not in after}}


def _entries(memory: Memory, name: str) -> JsonObject:
    entries = memory.kept.get(name)
    return entries if isinstance(entries, Mapping) else {}


def _key(plan: Plan, given: Json) -> Json:
    keyed = [plan.one_per, *(trigger.keyed for trigger in plan.triggers if isinstance(trigger, Webhook))]
    found = next((at_path(given, each.key) for each in keyed if each is not None), None)
    if found is None:
        beats = (at_path(given, trigger.KEYED.key) for trigger in plan.triggers if isinstance(trigger, Heartbeat))
        found = next(beats, None)
    return None if spelled(found) is None else found


def _name(plan: Plan, given: Json) -> str:
    key = _key(plan, given)
    return name_of("memory", plan.name, key, has_key=key is not None)
