"""What every step of a flow is called: the name its author gave, or one made of its node."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from resolute.plan.expressions import InputModel
from resolute.plan.shapes import Shape, shape_of_type
from resolute.writing.draft import Draft, FlowDraft, walk_drafts
from resolute.writing.frame import check_input_model
from resolute.writing.mistakes import Mistakes
from resolute.writing.names import LONGEST
from resolute.writing.step import FlowStep, StepSource

_STEP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")


class Naming:
    """The names of a flow's steps.

    All are given before a value is looked at, so that a reference to a step further down is known as exactly that.
    `named` are those that authors gave, `types` and `shapes` what each step gives, by name, and `untyped` the nodes of
    the steps that do not say what they give. `many` are the steps that run many times, with the name of the innermost
    loop around each; an author's name of one of them is not among `named`.
    """

    def __init__(self, draft: FlowDraft, mistakes: Mistakes) -> None:
        self.named: list[str] = []
        self.shapes: dict[str, Shape] = {}
        self.types: dict[str, Any] = {}
        self.untyped: dict[str, str] = {}
        self.many: dict[str, str] = {}
        self._draft = draft
        self._mistakes = mistakes
        self._ids: dict[int, str] = {}  # by the identity of the draft, which stands once in the tree
        self._by_step: dict[int, list[str]] = {}
        self._taken: set[str] = set()
        self._name_all([*draft.steps, *draft.failure_steps])

    @property
    def ids(self) -> Mapping[int, str]:
        """The name of each step, by the identity of its draft."""
        return self._ids

    def free(self, name: str) -> str:
        """The name, or with a number behind it where it is taken."""
        candidate, number = name, 2
        while candidate in self._taken:
            candidate, number = f"{name}_{number}", number + 1
        return candidate

    def take(self, name: str) -> None:
        """Gives a name to a step that stands nowhere in the draft."""
        self._taken.add(name)

    def check(self, name: str) -> None:
        """Reports a name that no step can have."""
        if name in self._taken:
            self._mistakes.report(f"step {name!r}", "two steps have this name", "rename one of them with .as_(...)")
        if len(name) > LONGEST:
            place = f"step {name[:20]!r}..."
            self._mistakes.report(place, f"the name has {len(name)} characters", f"{LONGEST} at most")
        elif not _STEP_NAME.fullmatch(name):
            hint = "letters, digits, '_' and '-', beginning with a letter"
            self._mistakes.report(f"step {name!r}", f"{name!r} is not a valid step name", hint)

    def name_of(self, source: object) -> str:
        """The name of the step that a reference points at."""
        if isinstance(source, InputModel):
            check_input_model(source.model, self._draft, self._mistakes)
            return ""
        if not isinstance(source, StepSource):
            return str(source)
        if source.name is not None:
            return source.name
        found = self._by_step.get(id(source.identity), [])
        if len(found) > 1:
            self._mistakes.report(
                f"step {found[0]!r}", f"a reference can mean any of {', '.join(found)}", "name each use with .as_(...)"
            )
        return found[0] if found else source.default_name

    def inside(self, drafts: Sequence[Draft]) -> list[str]:
        """The names of the steps with an output in a block, at any depth."""
        return [self._ids[id(draft)] for draft in walk_drafts(drafts) if draft.step is not None]

    def _name_all(self, drafts: Sequence[Draft]) -> None:
        every = list(walk_drafts(drafts))
        loops = [draft for draft in every if draft.repeats]
        for draft in every:
            if draft.step is not None and draft.step.name is not None:
                self._take(draft, draft.step, draft.step.name)
        for draft in every:
            if draft.step is not None and draft.step.name is None:
                self._take(draft, draft.step, self.free(self._draft.ids.get(id(draft), draft.step.default_name)))
        for draft in every:
            if draft.step is None:
                self._ids[id(draft)] = self.free(self._draft.ids.get(id(draft), draft.kind))
                self._taken.add(self._ids[id(draft)])
        for loop in loops:  # an inner one behind the one around it
            inner = [each for block in loop.blocks() for each in walk_drafts(block)]
            self.many |= {self._ids[id(each)]: self._ids[id(loop)] for each in inner}
        self.named = [name for name in self.named if name not in self.many]

    def _take(self, draft: Draft, step: FlowStep[object], name: str) -> None:
        if step.name is not None:
            self.check(name)
            if name in self._taken:
                name = self.free(name)
            else:
                self.named.append(name)
        self._ids[id(draft)] = name
        self._taken.add(name)
        for identity in draft.identities:
            self._by_step.setdefault(id(identity), []).append(name)
        self.types[name] = step.result_type
        self.shapes[name] = shape_of_type(step.result_type, "serialization")
        if step.untyped:
            self.untyped[name] = step.untyped
