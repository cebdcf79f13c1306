"""What generated flows are made of here: all that the contract's are, and steps that PagerDuty sees."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from resolute import FlowBuilder, NodeError, Retry, branch, budget, node, text
from resolute_pagerduty import add_note, resolve_event, trigger_event
from tests.contract.generated.calls import mix, refuse
from tests.contract.generated.generated import EVERY, KINDS
from tests.contract.generated.piece import FailedPieceError, Inside, Kind, Piece, Reads, Story, Within
from tests.contract.nodes import note
from tests.simulation.quick import QUICK
from tests.simulation.setting import PAGERDUTY

GRANTS: Final = 2
"""How many a budget grants that runs share."""

WINDOW: Final = timedelta(minutes=10)

_LONG: Final = 3
"""Steps of a branch beside one that fails."""


def _write_page(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """An alert, which is resolved where the run fails."""
    step = trigger_event(summary="It is down", source="simulation", severity="critical").as_(piece.name)
    return chain.then(step.on_failure(_close(step).as_(f"undo_{piece.name}"))), reads


def _close(step: Any) -> Any:
    return resolve_event(dedup_key=step.output.dedup_key)


def _foretell_page(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(path + piece.name, undo=f"{path}undo_{piece.name}")


def _write_incident(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """An alert around a block, which is resolved behind it."""
    step = trigger_event(summary="It is slow", source="simulation", severity="warning").as_(f"open_{piece.name}")
    chain = inside(
        chain.then(step.on_failure(_close(step).as_(f"undo_{piece.name}"))),
        piece.blocks[0],
        reads,
    )
    return chain.then(_close(step).as_(f"close_{piece.name}")), reads


def _foretell_incident(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(f"{path}open_{piece.name}", undo=f"{path}undo_{piece.name}")
    within(piece.blocks[0], path)
    story.call(f"{path}close_{piece.name}")


def _write_note(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """A note, of which PagerDuty keeps no key."""
    step = add_note(incident_id=PAGERDUTY.incident, content=text("{} was at {}", piece.name, reads[-1]))
    return chain.then(step.as_(piece.name)), reads


def _foretell_call(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(path + piece.name)


def _write_metered(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """A budget that all runs of a flow share, and use up."""
    asked = budget("metered", at_most=GRANTS, per=WINDOW).as_(piece.name)
    return chain.then(asked), reads


def _foretell_nothing(piece: Piece, path: str, within: Within, story: Story) -> None:
    """No call of a node."""


@node(retry=Retry(attempts=2, initial=1, maximum=1))
async def despair(number: int) -> int:
    """Fails at each of its attempts."""
    note()
    raise NodeError("never")


def _write_hopeless(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """A step whose attempts are used up."""
    step = despair(reads[-1]).as_(piece.name)
    return chain.then(step.on_failure(despair(0).as_(f"undo_{piece.name}"))), reads


def _foretell_hopeless(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(path + piece.name)
    raise FailedPieceError(path + piece.name)


def _write_torn(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
    """A step that fails while another branch goes on, perhaps in a further history."""
    bad = branch().then(refuse(reads[-1], 1).as_(f"bad_{piece.name}"))
    other = branch()
    for number in range(_LONG):
        other = other.then(mix(reads[-1], number).as_(f"other_{piece.name}_{number}"))
    return chain.then_parallel(bad, other), reads


def _foretell_torn(piece: Piece, path: str, within: Within, story: Story) -> None:
    for number in range(_LONG):
        story.call(f"{path}other_{piece.name}_{number}")
    story.call(f"{path}bad_{piece.name}")
    raise FailedPieceError(f"{path}bad_{piece.name}")


PAGING: Final = {
    "page": Kind(_write_page, _foretell_page),
    "incident": Kind(_write_incident, _foretell_incident, blocks=1),
    "note": Kind(_write_note, _foretell_call),
    "metered": Kind(_write_metered, _foretell_nothing),
    "hopeless": Kind(_write_hopeless, _foretell_hopeless, raises=lambda _: True),
    "torn": Kind(_write_torn, _foretell_torn, raises=lambda _: True),
}

EVERY_KIND: Final[dict[str, Kind]] = {**EVERY, **PAGING, **QUICK}
_WORDS: Final = {
    **dict.fromkeys((word for word, kind in KINDS.items() if not kind.blocks), 1.0),
    **dict.fromkeys((word for word, kind in KINDS.items() if kind.blocks), 1.2),
    **dict.fromkeys(PAGING, 2.5),
    "note": 9.0,
    **dict.fromkeys(QUICK, 1.0),
    "trip": 3.0,
    "wavering_trip": 3.0,
    "balking_trip": 0.5,
    "failing_batch": 0.5,
    "fails": 1.0,
    "hopeless": 0.5,
    "torn": 1.0,
    "exhausted": 0.3,
}
_DEEPEST: Final = 2


def some(draw: random.Random, depth: int = _DEEPEST) -> Sequence[Piece]:
    """Pieces by chance."""
    return tuple(_one(draw, depth) for _ in range(draw.choice((1, 1, 1, 2) if depth < _DEEPEST else (1, 1, 2, 3))))


def _one(draw: random.Random, depth: int) -> Piece:
    words = [word for word in _WORDS if depth > 1 or not EVERY_KIND[word].blocks]
    word = draw.choices(words, [_WORDS[each] for each in words])[0]
    return Piece(word, tuple(tuple(some(draw, depth - 1)) for _ in range(EVERY_KIND[word].blocks)))
