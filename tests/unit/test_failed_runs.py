"""Flows that are told of failed runs: what an author writes, and what is decided of each failed run."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute import FailedRun, FlowBuildError, failed_runs, flow, input_data, node, text
from resolute.execution.inputs import read_any_input
from resolute.plan.errors import InvalidInputError
from resolute.plan.values import Json
from resolute.running.shared.asking import SharingRefusedError
from resolute.running.shared.shared import Shared
from resolute.testing import FlowTester
from resolute.writing.data import flow_as_data, flow_from_data

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FAILED = FailedRun(flow="backup", run="backup/1", step="dump", ended_at=NOON)


@node(effect="pure")
async def say(words: str) -> str:
    return words


failed = input_data(FailedRun)
TOLD = (
    flow("told").triggered_by(failed_runs("backup")).then(say(text("{} at {}", failed.flow, failed.step)).as_("said"))
)


async def test_the_input_is_typed() -> None:
    """A flow reads what failed by fields, and takes nothing else for an input."""
    tested = await FlowTester(TOLD.build()).run(FAILED)

    assert {"said": "backup at dump"} == tested.result
    with pytest.raises(InvalidInputError):
        read_any_input(TOLD.build(), {"flow": "backup"})


def test_mistakes() -> None:
    """An unknown field, a bound of nothing, and a second trigger of the kind are reported together."""
    wrong = flow("wrong").triggered_by(failed_runs(at_most=0, per=timedelta(0)), failed_runs(""))
    with pytest.raises(FlowBuildError) as refused:
        wrong.then(say(cast("Any", failed).nobody).as_("said")).build()

    for said in ("2 failed_runs triggers", "at_most of 0", "per 0:00:00", "its flows", "nobody"):
        assert said in str(refused.value)


def test_as_data() -> None:
    """The way through JSON and back gives the same plan, whose input is checked all the same."""
    built = TOLD.build()
    again = flow_from_data(flow_as_data(built), dict(built.nodes))

    assert built.plan.triggers == again.plan.triggers
    assert built.plan.fingerprint == again.plan.fingerprint
    assert cast("Any", read_any_input(again, FAILED.model_dump(mode="json")))["flow"] == "backup"
    with pytest.raises(InvalidInputError):
        read_any_input(again, {"flow": 7})


def sort(shared: Shared, at: float, keys: list[int], *, at_most: int = 2, per: float = 60.0) -> Any:
    """Asks what becomes of failed runs, so many seconds after noon."""
    now = NOON + timedelta(seconds=at)
    runs: Json = [{"run_id": str(key), "run": f"bad/{key}", "flow": f"bad-{key % 3}", "at": at} for key in keys]
    data: Json = {"runs": runs, "at_most": at_most, "per": per}
    return shared.answer(f"{at} {keys}", "sort", data, now)


@given(
    st.integers(1, 3), st.lists(st.tuples(st.integers(0, 30), st.lists(st.integers(0, 30), max_size=6)), max_size=30)
)
def test_each_is_told_of_once(at_most: int, asked: list[tuple[int, list[int]]]) -> None:
    """What is decided of a run stays; in no stretch of time more than the bound are alone; no other is left out."""
    shared, now, decided = Shared("failed/told"), 0.0, dict[int, str]()
    alone: list[float] = []
    for pause, keys in asked:
        now += pause
        again = Shared("failed/told")
        again.restore(json.loads(json.dumps(shared.as_json())))
        shared = again
        for key, decision in zip(keys, sort(shared, now, keys, at_most=at_most)["decided"], strict=True):
            if key not in decided and decision == "alone":
                alone.append(now)
            assert decision == decided.setdefault(key, decision)
    for since in alone:
        assert at_most >= len([at for at in alone if since <= at < since + 60])

    summaries = sort(shared, now + 120, [])["due"]
    assert list(decided.values()).count("together") == sum(each["count"] for each in summaries)
    assert all(each["count"] == sum(each["flows"].values()) for each in summaries)


def test_a_summary_is_due_until_it_is_done() -> None:
    """Whoever asks is told of it until somebody says that its run was started."""
    shared = Shared("failed/told")
    first = sort(shared, 0, [1, 2, 3, 4])
    due = [sort(shared, at, [])["due"] for at in (59, 60, 61)]
    done: Json = {"cursor": NOON.timestamp(), "summaries": [each["name"] for each in due[1]]}
    shared.answer("done", "done", done, NOON + timedelta(seconds=62))

    assert ["alone", "alone", "together", "together"] == first["decided"]
    assert NOON.timestamp() + 60 == first["next"]
    assert [[], [2], [2]] == [[each["count"] for each in summaries] for summaries in due]
    assert [] == sort(shared, 63, [])["due"]
    assert NOON.timestamp() == cast("Any", shared.state())["cursor"]


STRANGE: list[Any] = [None, 7, [], {}, {"runs": [{}], "at_most": 1, "per": 1}, {"cursor": "x"}]


@pytest.mark.parametrize("data", STRANGE)
def test_data_of_strangers(data: Any) -> None:
    """What cannot be read is refused, and nothing else happens."""
    shared = Shared("failed/told")
    before = shared.as_json()
    for word in ("sort", "done", "other"):
        with pytest.raises(SharingRefusedError):
            shared.answer("asked", word, data, NOON)

    assert before == shared.as_json()
