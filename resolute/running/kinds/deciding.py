"""The decisions of one gate: which are taken, which are refused and why, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from resolute.plan.errors import EvaluationError
from resolute.plan.forms import filled, form_mistakes
from resolute.plan.kinds.gate import MOST_APPROVERS, Gate
from resolute.plan.limits import recorded_size
from resolute.plan.texts import shortened
from resolute.plan.values import Json, JsonObject
from resolute.running.messages import Message, MessageRefusedError

GATE: Final = "gate:"
"""How the addresses of gates begin."""

APPROVE: Final = "approve"
REJECT: Final = "reject"

LONGEST_NAME: Final = 200
LONGEST_REASON: Final = 4_000
"""Characters of a person's name, and of a reason."""

LARGEST_FORM: Final = 64 * 1024
"""Bytes of a form that has been filled in."""


@dataclass
class Deciding:
    """What one gate has come to: whom it asks what and since when, and what they have said.

    `approvers` is None where anybody may decide. `starter` is who started the run: a gate may have been opened by an
    earlier run, which somebody else started. `rounds` are how often people have been told, `telling` is the round
    that has begun and not ended, if there is one.
    """

    gate: Gate
    opened: datetime
    deadline: datetime | None
    ask: str
    approvers: list[str] | None
    requester: str
    starter: str = ""
    decisions: list[JsonObject] = field(default_factory=list[JsonObject])
    rounds: int = 0
    telling: int | None = None

    @property
    def approvals(self) -> list[JsonObject]:
        """The decisions that approve."""
        return [decision for decision in self.decisions if decision["approved"] is True]

    @property
    def is_decided(self) -> bool:
        """Whether one has rejected, or as many have approved as have to."""
        approvals = len(self.approvals)
        return approvals >= self.gate.quorum or approvals < len(self.decisions)

    @property
    def said(self) -> str:
        """What has been decided, for who comes too late."""
        last = self.decisions[-1]
        people = ", ".join(str(decision["by"]) for decision in self._counting())
        return f"{'approved' if last['approved'] else 'rejected'} by {people} at {last['at']}"

    def undecided(self) -> list[str]:
        """The approvers who may still decide."""
        known = [decision["by"] for decision in self.decisions]
        return [person for person in self.approvers or () if person not in known and not self._asks_himself(person)]

    def check(self, message: Message) -> None:
        """Refuses a decision that does not count; see `Listener`."""
        if message.word not in (APPROVE, REJECT):
            raise MessageRefusedError(f"a gate takes {APPROVE!r} and {REJECT!r}, not {shortened(message.word, 60)!r}")
        by = message.by.strip()
        if not by or len(by) > LONGEST_NAME or not by.isprintable():
            raise MessageRefusedError(f"a decision says who decides: a name of 1 to {LONGEST_NAME} characters")
        if self.is_decided:
            raise MessageRefusedError(f"gate {self.gate.id!r} has been decided: {self.said}", why="decided")
        if self.approvers is not None and by not in self.approvers:
            raise MessageRefusedError(
                f"{by} may not decide gate {self.gate.id!r}: that is for {', '.join(self.approvers)}", why="person"
            )
        if self._asks_himself(by):
            raise MessageRefusedError(
                f"{by} asks for what gate {self.gate.id!r} decides, and may not decide it: somebody else has to",
                why="person",
            )
        for decision in self.decisions:
            if decision["by"] == by:
                raise MessageRefusedError(
                    f"{by} has decided gate {self.gate.id!r} at {decision['at']}: a decision is not changed",
                    why="decided",
                )
        self._check_given(message)

    def take(self, message: Message, at: datetime) -> Json:
        """Takes a decision that has been checked, and says what is still missing."""
        given = _given(message)
        approved = message.word == APPROVE
        form = self.gate.form if approved else None
        decision: dict[str, Json] = {
            "by": message.by.strip(),
            "approved": approved,
            "reason": str(given.get("reason") or ""),
            "form": filled(given.get("form") or {}, form) if form is not None else None,
            "at": at.isoformat(),
        }
        self.decisions.append(decision)
        missing = 0 if self.is_decided else self.gate.quorum - len(self.approvals)
        return {"gate": self.gate.id, "approved": approved, "decided": self.is_decided, "missing": missing}

    def output(self) -> JsonObject:
        """What the gate gives when it is decided."""
        last = self.decisions[-1]
        by: list[Json] = [decision["by"] for decision in self._counting()]
        return {**{name: last[name] for name in ("approved", "reason", "form", "at")}, "by": by}

    def details(self) -> dict[str, Json]:
        """What people may want to know of the gate."""
        return {
            "ask": self.ask,
            "until": self.deadline.isoformat() if self.deadline else None,
            "approvers": cast("Json", self.approvers),
            "quorum": self.gate.quorum,
            "form": cast("Json", self.gate.form),
            "decisions": cast("Json", list(self.decisions)),
        }

    def as_json(self) -> JsonObject:
        """As plain data, which `deciding_from` reads."""
        return {
            "opened": self.opened.isoformat(),
            "deadline": self.deadline.isoformat() if self.deadline else None,
            "ask": self.ask,
            "approvers": cast("Json", self.approvers),
            "requester": self.requester,
            "decisions": cast("Json", list(self.decisions)),
            "rounds": self.rounds,
            "telling": self.telling,
        }

    def _counting(self) -> list[JsonObject]:
        return self.approvals if self.decisions[-1]["approved"] else self.decisions[-1:]

    def _asks_himself(self, person: str) -> bool:
        return not self.gate.allow_self and person in (self.requester, self.starter)

    def _check_given(self, message: Message) -> None:
        given = _given(message)
        reason, form = given.get("reason"), given.get("form")
        for name in given:
            if name not in ("reason", "form"):
                raise MessageRefusedError(f"a decision has a reason and a form, and no {shortened(name, 60)!r}")
        if reason is not None and not (isinstance(reason, str) and len(reason) <= LONGEST_REASON):
            raise MessageRefusedError(f"a reason is a text of up to {LONGEST_REASON:,} characters", why="form")
        if form is None and (message.word == REJECT or self.gate.form is None):
            return
        if message.word == REJECT:
            raise MessageRefusedError("who rejects gives a reason, and fills in no form", why="form")
        if self.gate.form is None:
            raise MessageRefusedError(f"gate {self.gate.id!r} has no form to fill in", why="form")
        if recorded_size(form) > LARGEST_FORM:
            raise MessageRefusedError(f"the form is larger than {LARGEST_FORM:,} bytes", why="form")
        if mistakes := form_mistakes({} if form is None else form, self.gate.form):
            told = "; ".join(f"{place or 'form'} {said}" for place, said in mistakes)
            raise MessageRefusedError(
                shortened(f"the form of gate {self.gate.id!r} is not filled in rightly: {told}"),
                why="form",
                fields=tuple(mistakes),
            )


def _given(message: Message) -> JsonObject:
    if message.data is not None and not isinstance(message.data, Mapping):
        raise MessageRefusedError('a decision is an object like {"reason": "...", "form": {...}}')
    return message.data or {}


def deciding_from(gate: Gate, data: Json, starter: str = "") -> Deciding:
    """What `Deciding.as_json` wrote."""
    held = cast("JsonObject", data)
    deadline, telling = held["deadline"], held["telling"]
    return Deciding(
        gate=gate,
        opened=datetime.fromisoformat(str(held["opened"])),
        deadline=datetime.fromisoformat(str(deadline)) if deadline else None,
        ask=str(held["ask"]),
        approvers=cast("list[str] | None", held["approvers"]),
        requester=str(held["requester"]),
        starter=starter,
        decisions=list(cast("list[JsonObject]", held["decisions"])),
        rounds=int(cast("int", held["rounds"])),
        telling=cast("int | None", telling),
    )


def people_of(gate: Gate, value: Json, asking: Sequence[str]) -> list[str] | None:
    """Who may decide a gate for which these people ask.

    Raises:
        EvaluationError: they are no list of names, or too few to decide.
    """
    if gate.approvers is None:
        return None
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) and each.strip() for each in value):
        raise EvaluationError(f"the approvers of gate {gate.id!r} are no list of names: {shortened(str(value), 100)}")
    people = list(dict.fromkeys(str(each).strip() for each in value))
    able = [person for person in people if gate.allow_self or person not in asking]
    if len(people) > MOST_APPROVERS:
        raise EvaluationError(f"gate {gate.id!r} has {len(people)} approvers, {MOST_APPROVERS} are the most")
    if len(able) < gate.quorum:
        without = f" without who asks for it ({', '.join(filter(None, asking))})" if len(able) < len(people) else ""
        raise EvaluationError(
            f"{gate.quorum} people have to approve gate {gate.id!r}, and only {len(able)} can{without}: "
            "give it more approvers, or a lower quorum"
        )
    return people


def text_from(value: Json, name: Callable[[], str]) -> str:
    """A value as text; null is none.

    Raises:
        EvaluationError: it is neither.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EvaluationError(f"{name()} is no text: {shortened(str(value), 100)}")
    return value
