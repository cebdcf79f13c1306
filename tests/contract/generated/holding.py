"""Steps that are held, as pieces of generated flows: a person tries them again, leaves them out, or lets them fail."""

from __future__ import annotations

from typing import Any, Final

from resolute import CallContext, FlowBuilder, TerminalError, node
from resolute.plan.values import Json
from resolute.running.hold import FAIL, HOLD, RETRY, SKIP
from resolute.running.messages import Message
from tests.contract.generated.calls import mix
from tests.contract.generated.piece import FailedPieceError, Foretell, Inside, Kind, Piece, Reads, Story, Within, Write
from tests.contract.generated.telling import decide_soon
from tests.contract.nodes import ALL_ATTEMPTS, note


def _refused(call: CallContext, word: str, data: Json = None) -> TerminalError:
    """The failure of a call, of which somebody decides what becomes of it."""
    decide_soon(call, Message(to=HOLD + call.step, word=word, id="", data=data, by="ada"))
    return TerminalError(f"refused, to be held for {word}")


@node
async def stumble_once(first: int, second: int) -> int:
    """Fails for good, and gives a number when it is tried again."""
    call = note()
    if ALL_ATTEMPTS[call.run].count(call.step) == 1:
        raise _refused(call, RETRY)
    return (31 * first + second) % 1009


@node
async def be_left_out(first: int, second: int) -> int:
    """Fails for good, and is left out, with a number in its place."""
    raise _refused(note(), SKIP, (31 * first + second) % 1009)


@node
async def be_failed(first: int, second: int) -> int:
    """Fails for good, and stays so."""
    raise _refused(note(), FAIL)


def _write(of: Any) -> Write:
    def write(chain: FlowBuilder, piece: Piece, reads: Reads, inside: Inside) -> tuple[FlowBuilder, Reads]:
        step = of(reads[-1], reads[0]).as_(piece.name)
        undone = mix(step.output, reads[-1]).as_(f"undo_{piece.name}")
        return chain.then(step.on_failure(undone)), [*reads, step.output]

    return write


def _foretell(*, times: int, is_undone: bool) -> Foretell:
    def foretell(piece: Piece, path: str, within: Within, story: Story) -> None:
        story.call(path + piece.name, times=times, undo=f"{path}undo_{piece.name}" if is_undone else "")

    return foretell


def _fail(piece: Piece, path: str, within: Within, story: Story) -> None:
    story.call(path + piece.name)
    raise FailedPieceError(path + piece.name)


HELD: Final = {
    "retried": Kind(_write(stumble_once), _foretell(times=2, is_undone=True)),
    "left_out": Kind(_write(be_left_out), _foretell(times=1, is_undone=False)),
    "given_up": Kind(_write(be_failed), _fail, raises=lambda _: True),
}
