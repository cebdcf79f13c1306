"""The generated flows: every kind inside every kind, and deeper ones by chance."""

from __future__ import annotations

import random
from functools import cache
from typing import Final

from tests.contract.generated.generated import KINDS, LEAVES, Generated, generated
from tests.contract.generated.piece import Piece

BLOCKS: Final = tuple(word for word, kind in KINDS.items() if kind.blocks)


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
def deeper(seed: int, depth: int = 4) -> Generated:
    """A flow by chance, the same for the same seed."""
    chance = random.Random(seed)
    return generated(f"seed-{seed}", _some(chance, depth))


def _around(word: str, *inside: Piece) -> Piece:
    return Piece(word, (inside,) * KINDS[word].blocks)


def _some(chance: random.Random, depth: int) -> tuple[Piece, ...]:
    return tuple(_one(chance, depth) for _ in range(chance.randint(1, 3)))


def _one(chance: random.Random, depth: int) -> Piece:
    # Failing pieces are rare, else few flows come to what stands behind them.
    words = list(LEAVES if depth <= 1 or chance.random() < 0.4 else BLOCKS)
    word = chance.choice([each for each in words if each not in ("fails", "exhausted") or chance.random() < 0.3])
    return Piece(word, tuple(_some(chance, depth - 1) for _ in range(KINDS[word].blocks)))
