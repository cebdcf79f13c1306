"""The flows that are simulated, by their number: made once, and run in many worlds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, cast

from pydantic import BaseModel

from resolute import FlowBuilder, alarm, every, node, output, previous, signal, wait_for
from resolute.execution.executor import NodeExecutor
from resolute.plan.plan import Mode, Plan, WhenStuck
from resolute_pagerduty import incident_for
from tests.contract.generated.generated import Generated, generated
from tests.contract.generated.order import Ordered
from tests.contract.generated.piece import Inside, Kind, Piece, Reads, Story, Within
from tests.contract.nodes import count, note
from tests.simulation.pieces import EVERY_KIND, some
from tests.simulation.setting import PAGERDUTY

Sort: TypeAlias = Literal["alone", "beside", "keyed", "watched"]

SORTS: Final[tuple[Sort, ...]] = ("alone", "alone", "beside", "keyed", "watched", "watched")
HEALTH: Final[dict[str, bool | None]] = {}
"""What a look finds, by run: whether it is bad, or that nobody knows."""

KEY: Final = "watched-service"
RAISE_AFTER: Final = (1, 1, 2)
CLEAR_AFTER: Final = (1, 1, 2)
EVENT: Final = "order"
HEARD: Final = ("heard_first", "heard_second")
"""The steps by which a run with a key hears what it is told."""


@node(effect="read")
async def look() -> bool | None:
    """Whether it is bad."""
    return HEALTH[note().run]


class Order(BaseModel):
    """An event, and the input of a run with a key."""

    number: int


@dataclass(frozen=True)
class Town:
    """A flow, how it is run, and what comes of it where nothing goes wrong.

    `calls` are the steps that are called in a run that completes, and `words` the kinds of pieces in it.
    """

    number: int
    sort: Sort
    case: Generated
    words: frozenset[str]
    calls: frozenset[str]
    raise_after: int = 1
    clear_after: int = 1
    within: bool = False
    when_stuck: WhenStuck = "fail"

    @property
    def remembers(self) -> bool:
        """Whether a run does what earlier ones have left to do."""
        return bool(self.words & {"raised", "cleared"})

    @property
    def plan(self) -> Plan:
        """The flow's plan."""
        return _plan(self, "live")

    def plan_in(self, mode: Mode) -> Plan:
        """The plan of a run in a mode."""
        return _plan(self, mode)


def _plan(place: Town, mode: Mode) -> Plan:
    plan = place.case.flow.plan
    name = (place.number, place.when_stuck, mode)
    if (known := _PLANS.get(name)) is None:
        if len(_PLANS) > _MOST_PLANS:
            _PLANS.clear()
        if place.when_stuck == "fail":
            plan = plan.model_copy(update={"when_stuck": "fail", "types": {}})
        known = _PLANS[name] = plan.in_mode(mode)
    return known


_MOST_PLANS: Final = 64
_PLANS: Final[dict[tuple[int, WhenStuck, Mode], Plan]] = {}


def _write_counted(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    step = count(previous(cast("int", output("counted")))).as_("counted")
    return chain.then(step), reads


def _foretell_counted(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call("counted")


def _watched(raise_after: int, clear_after: int) -> Kind:
    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        found = look().as_("look")
        watched = alarm(
            "watched",
            bad=found.output == True,  # noqa: E712 - a condition over a reference
            raise_after=raise_after,
            clear_after=clear_after,
            incident=incident_for(dedup_key=KEY),
        )
        return chain.then(found).then(watched), reads

    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        story.call("look")

    return Kind(write, foretell)


def _write_awaited(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    first, second = (wait_for(signal(EVENT, Order), timeout=timedelta(seconds=4)).as_(name) for name in HEARD)
    return chain.then(first).then(second), reads


def _foretell_awaited(piece: Piece, path: str, within: Within, story: Story) -> None:
    """No call of a node."""


_MORE: Final = {"counted": Kind(_write_counted, _foretell_counted), "awaited": Kind(_write_awaited, _foretell_awaited)}


@lru_cache(maxsize=64)
def town(number: int) -> Town:
    """The flow of a number."""
    draw = random.Random(number)
    sort = draw.choice(SORTS)
    pieces, extra = list(some(draw)), dict[str, Any]()
    kinds = {**EVERY_KIND, **_MORE}
    raise_after, clear_after = draw.choice(RAISE_AFTER), draw.choice(CLEAR_AFTER)
    within = sort == "alone" and draw.random() < 0.15
    if sort == "watched":
        kinds["watched"] = _watched(raise_after, clear_after)
        pieces = pieces[:1]
        for word in ("watched", "counted"):
            pieces.insert(draw.randint(0, len(pieces)), Piece(word))
        extra["triggered_by"] = every(timedelta(minutes=5))
    elif sort == "keyed":
        pieces = [*pieces[:1], Piece("awaited")]
    if within:
        extra["within"] = timedelta(seconds=draw.choice((4, 20, 60)))
    # As one that holds, because such a plan knows more; one that does not is made of it.
    case = generated(f"town-{number}", pieces, when_stuck="hold", kinds=kinds, **extra)
    return Town(
        number=number,
        sort=sort,
        case=case,
        words=frozenset(word for piece in pieces for word in piece.words()),
        calls=frozenset(_flat(case.calls)),
        raise_after=raise_after,
        clear_after=clear_after,
        within=within,
    )


def _flat(calls: Ordered) -> list[str]:
    found: list[str] = []
    for call in calls:
        found += [call] if isinstance(call, str) else [name for row in call.values() for name in _flat(row)]
    return found


def executor() -> NodeExecutor:
    """What can run every flow. The plans come with the runs, so it needs the nodes alone."""
    kinds = {**EVERY_KIND, **_MORE, "watched": _watched(1, 1)}
    pieces = [Piece(word, ((Piece("call"),),) * kind.blocks) for word, kind in kinds.items()]
    known = generated("every-kind", pieces, kinds=kinds, triggered_by=every(timedelta(minutes=5)))
    return NodeExecutor.for_flows([known.flow], [PAGERDUTY])
