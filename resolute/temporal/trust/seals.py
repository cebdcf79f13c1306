"""Seals: keyed digests (HMAC-SHA256) that distinguish what a worker trusts from what anybody could have sent.

Anybody who can reach Temporal can start a run with a plan of their own, and call a node with arguments of their own.
A worker with keys trusts neither without a seal:

- a start that carries a plan is sealed over flow, plan and input, by the starter of the run;
- a plan that a run records at its first step is sealed over flow, run and plan, by the worker;
- a message to a run is sealed over flow, run and message, by its sender;
- a link to a gate is sealed over flow, run, gate, person and time, by the worker that sends it;
- the switches are sealed over the namespace and their state, by whoever throws one;
- the sessions of the board are sealed with a seal over who may do what there;
- a call of a node is sealed over flow, run, step, node and arguments, by the run, if its own plan was sealed.

A seal contains a short id of its key, so that keys can be replaced one after the other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from pydantic import SecretStr

from resolute.plan.errors import ConfigurationError
from resolute.plan.values import Json

SHORTEST_KEY: Final = 32
"""The minimum length of a key in characters: 128 bits in hexadecimal digits."""

MOST_KEYS: Final = 16

Purpose: TypeAlias = Literal["start", "record", "call", "dry call", "message", "link", "button", "switches", "session"]
"""What is sealed, so that a seal of one thing is never valid for another."""


@dataclass(frozen=True)
class PlanKeys:
    """The keys that seal plans: the first one seals, all of them verify. Without any, nothing is sealed or trusted.

    >>> keys = PlanKeys((SecretStr("not-a-key-for-production-but-long"),))
    >>> seal = keys.seal("start", "alerting", {"steps": []}, None)
    >>> keys.verifies(seal, "start", "alerting", {"steps": []}, None)
    True
    >>> keys.verifies(seal, "start", "another", {"steps": []}, None)
    False

    Raises:
        ConfigurationError: a key is too short, or there are too many.
    """

    keys: tuple[SecretStr, ...] = ()

    def __post_init__(self) -> None:
        if any(len(key.get_secret_value()) < SHORTEST_KEY for key in self.keys):
            raise ConfigurationError(
                f"a key that seals plans has fewer than {SHORTEST_KEY} characters: "
                "make one with `openssl rand -hex 32`, and set it in RESOLUTE_PLAN_KEYS"
            )
        if len(self.keys) > MOST_KEYS:
            raise ConfigurationError(
                f"{len(self.keys)} keys seal plans, {MOST_KEYS} are the most: remove the oldest from RESOLUTE_PLAN_KEYS"
            )

    def __bool__(self) -> bool:
        return bool(self.keys)

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._begun)

    @cached_property
    def sealing_id(self) -> str | None:
        """The id of the key that seals; None without keys."""
        return _id_of(self.keys[0]) if self.keys else None

    def seal(self, purpose: Purpose, *parts: Json) -> str | None:
        """The seal of something: the key's id and the digest. None without keys."""
        if not self.keys:
            return None
        key_id = self.sealing_id or ""
        return f"{key_id}:{_digest(self._begun[key_id], purpose, parts)}"

    def verifies(self, seal: Json, purpose: Purpose, *parts: Json) -> bool:
        """Whether a seal was made with one of these keys, for exactly this."""
        if not isinstance(seal, str):
            return False
        begun = self._begun.get(seal.partition(":")[0])
        if begun is None:
            return False
        try:
            expected = _digest(begun, purpose, parts)
        except (ValueError, TypeError, RecursionError):  # never sealed
            return False
        return hmac.compare_digest(expected.encode(), seal.partition(":")[2].encode(errors="replace"))

    def knows(self, seal: Json) -> bool:
        """Whether a seal refers to one of these keys, valid or not."""
        return isinstance(seal, str) and seal.partition(":")[0] in self._begun

    @cached_property
    def _begun(self) -> dict[str, hmac.HMAC]:
        """A digest for each key, by its id, which has taken the key and nothing else: each seal goes on from a copy."""
        return {_id_of(key): hmac.new(key.get_secret_value().encode(), digestmod=hashlib.sha256) for key in self.keys}


NO_KEYS: Final = PlanKeys()


def _id_of(key: SecretStr) -> str:
    return hashlib.sha256(b"resolute key id\0" + key.get_secret_value().encode()).hexdigest()[:8]


# Sorted and without white space: the same for equal values, even if a client or server has rewritten them.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _digest(begun: hmac.HMAC, purpose: Purpose, parts: tuple[Json, ...]) -> str:
    digest = begun.copy()
    digest.update(_CANONICAL.encode([purpose, *parts]).encode())
    return digest.hexdigest()
