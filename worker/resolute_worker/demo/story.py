"""What happens in the demo: a shop is well, goes down, is paged for, and recovers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from resolute_worker.demo.scene import Scene
from resolute_worker.demo.town import ILLNESS

Pace: TypeAlias = Callable[[str], Awaitable[None]]
"""What is done after each turn of the story, which it gets by name: whoever looks on gets the time to."""


async def story(scene: Scene, pace: Pace) -> None:
    """Plays one incident. Its turns are `quiet`, `paged` and `resolved`."""
    sim, town, say = scene.sim, scene.town, scene.say
    await town.looked["healthy"].wait()
    say("Flow", "checked the shop: healthy, nothing to do")
    await pace("quiet")

    # The hardest case: PagerDuty has accepted the event, but its answer never arrives.
    sim.faults.add(action="reset", method="POST", path="/v2/enqueue", after=True)
    town.ill = True
    say("Shop", f"goes down. {ILLNESS}")
    await scene.until(lambda: sim.incidents("triggered"))
    incident = sim.incidents()[0]
    people = ", ".join(each["assignee"]["summary"] for each in sim.show(incident)["assignments"])
    say("PagerDuty", f"incident #{incident.number} is open and assigned to {people}")
    say("Network", "the answer to that event was lost; Temporal retries the step, with the same dedup key")
    await scene.until(lambda: sum(each.path == "/v2/enqueue" for each in sim.requests) > 1)
    say("PagerDuty", f"still one incident: {len(sim.incidents())}")
    await town.told.wait()
    say("Channel", town.messages[0])
    await pace("paged")

    town.ill = False
    say("Shop", "has recovered")
    await scene.until(lambda: sim.incidents("resolved"))
    say("PagerDuty", f"incident #{incident.number} is resolved")
    await pace("resolved")


async def at_once(turn: str) -> None:
    """A pace for nobody who looks on."""
