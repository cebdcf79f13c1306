"""The generated flows: every kind inside every kind, and deeper ones by chance."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Final

from tests.contract.generated.generated import KINDS, LEAVES, Generated, generated
from tests.contract.generated.piece import Piece

BLOCKS: Final = tuple(word for word, kind in KINDS.items() if kind.blocks)


HOLDING: Final = tuple(word for word in BLOCKS if word not in ("collect", "exhausted"))
"""The kinds inside which a step is held: a failure that is collected is not, and a repeat that is exhausted is held."""


def pair(outer: str, inner: str) -> Generated:
    """One kind inside another, in a run that completes where it can."""
    return generated(f"{outer}-{inner}", [_around(outer, _around(inner, Piece("call")))])


@cache
def pairs(outer: str) -> tuple[Generated, ...]:
    """Every kind inside one: by itself in a run that completes, and among others in a run that fails behind them."""
    return tuple(made for inner in KINDS for made in (pair(outer, inner), _undone(outer, inner)))


def _undone(outer: str, inner: str) -> Generated:
    among = _around(outer, Piece("call"), _around(inner, Piece("call")), Piece("call"))
    return generated(f"{outer}-{inner}-undone", [among, Piece("fails")])


@cache
def gathered(outer: str) -> tuple[Generated, ...]:
    """The same kinds inside one, in two flows: those with no steps in them, and the others, undone by a failure."""
    leaves = [Piece(leaf) for leaf, kind in LEAVES.items() if not kind.raises([])]
    blocks = [_around(block, Piece("call")) for block in BLOCKS if not KINDS[block].raises([False])]
    return (
        generated(f"{outer}-leaves", [_around(outer, *leaves)]),
        generated(f"{outer}-blocks", [_around(outer, *blocks), Piece("fails")]),
    )


@cache
def held(outer: str) -> Generated:
    """Steps inside one kind that are held, and tried again or left out; behind it one that a person lets fail."""
    among = _around(outer, Piece("call"), Piece("retried"), Piece("left_out"), Piece("call"))
    return generated(f"{outer}-held", [among, Piece("given_up")], when_stuck="hold")


@cache
def cancelled(outer: str) -> Generated:
    """A run that is cancelled by a step inside one kind, behind others that have completed."""
    return generated(f"{outer}-cancelled", [_around(outer, Piece("local"), Piece("call"), Piece("called_off"))])


@cache
def overdue(outer: str) -> Generated:
    """A run whose time is up inside one kind, behind others that have completed."""
    among = _around(outer, Piece("local"), Piece("call"), Piece("overdue"))
    return generated(f"{outer}-overdue", [among], within=timedelta(seconds=3))


@cache
def stopped(seed: int) -> Generated:
    """A flow by chance that is cancelled at a step by chance, unless it ends before."""
    chance = random.Random(seed)
    pieces = list(_some(chance, 3, without=("retry", "child", "fails", "exhausted")))
    for _ in range(2):
        _insert(chance, pieces, Piece("called_off"))
    return generated(f"stopped-{seed}", pieces)


@cache
def deeper(seed: int, depth: int = 4) -> Generated:
    """A flow by chance, the same for the same seed."""
    chance = random.Random(seed)
    return generated(f"seed-{seed}", _some(chance, depth))


def _around(word: str, *inside: Piece) -> Piece:
    return Piece(word, (inside,) * KINDS[word].blocks)


def _insert(chance: random.Random, pieces: list[Piece], piece: Piece) -> None:
    """Puts a piece somewhere among others, or in one of them."""
    at = chance.randint(0, len(pieces))
    inner = pieces[at - 1] if at else None
    if inner is None or not inner.blocks or chance.random() < 0.3:
        pieces.insert(at, piece)
        return
    blocks = [list(block) for block in inner.blocks]
    _insert(chance, chance.choice(blocks), piece)
    pieces[at - 1] = replace(inner, blocks=tuple(map(tuple, blocks)))


def _some(chance: random.Random, depth: int, without: Collection[str] = ()) -> tuple[Piece, ...]:
    return tuple(_one(chance, depth, without) for _ in range(chance.randint(1, 3)))


def _one(chance: random.Random, depth: int, without: Collection[str]) -> Piece:
    # Failing pieces are rare, else few flows come to what stands behind them.
    words = [word for word in (LEAVES if depth <= 1 or chance.random() < 0.4 else BLOCKS) if word not in without]
    word = chance.choice([each for each in words if each not in ("fails", "exhausted") or chance.random() < 0.3])
    return Piece(word, tuple(_some(chance, depth - 1, without) for _ in range(KINDS[word].blocks)))
