"""Plans are carried packed: a quarter of the bytes, the same plan, and nothing that a stranger's bytes could do."""

import json
import zlib
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute import flow, manual, node
from resolute.plan.limits import PLAN_LIMIT, recorded_size
from resolute.plan.plan import Plan
from resolute.plan.values import Json
from resolute.temporal.values.packing import packed, packed_plan, unpacked
from resolute.temporal.wire.start import open_envelope, open_record, read_plan, recorded_plan, start_argument
from tests.keys import KEYS


@node
async def look(host: str) -> str:
    """A step."""
    return host


def plan_of(steps: int) -> Plan:
    """A plan of so many steps."""
    builder = flow("looking").triggered_by(manual("look"))
    for number in range(steps):
        builder = builder.then(look("checkout").as_(f"look_{number}"))
    return builder.build().plan


def squeezed(data: bytes) -> str:
    """Bytes as a packed plan has them."""
    return b64encode(zlib.compress(data)).decode()


def test_a_long_plan_is_carried_in_a_fifteenth() -> None:
    """The argument of a run of a hundred steps is short; its seal, its plan and its input are what they were."""
    plan = plan_of(100)
    plain = start_argument(plan, {"host": "a"}, keys=KEYS)
    envelope = open_envelope(packed(plain))

    assert recorded_size(packed(plain)) < recorded_size(plain) / 15
    assert open_envelope(plain) == envelope
    assert envelope.is_sealed(KEYS, "looking")
    assert plan == read_plan(envelope.plan)


def test_a_recorded_plan_is_packed_as_well() -> None:
    """What a run records at its first step is read back as the plan that it was, with a seal and without keys."""
    plan = plan_of(100)
    known = plan.model_dump(mode="json")
    with_seal = recorded_plan(plan, "looking/1", KEYS, read={"input": {"host": "a"}})

    assert recorded_size(with_seal) < recorded_size(known) / 15
    assert known == open_record(with_seal).plan
    assert known == open_record(packed_plan(known)).plan


def test_a_short_plan_stays_readable() -> None:
    """A plan of a few hundred bytes stands in the argument as it is."""
    plain = start_argument(plan_of(1), None, keys=KEYS)

    assert plain == packed(plain)


@pytest.mark.parametrize(
    "plan",
    [
        {"zlib": "not base64"},
        {"zlib": squeezed(b"{")},
        {"zlib": squeezed(b"[" * 100_000)},
        {"zlib": squeezed(json.dumps({"steps": " " * (2 * PLAN_LIMIT)}).encode())},
        {"zlib": squeezed(b"{}")[:8]},
        {"zlib": b64encode(b"no zlib").decode()},
        {"zlib": 1},
        {"zlib": squeezed(b"{}"), "more": 1},
    ],
    ids=["base64", "json", "deep", "long", "cut", "bytes", "number", "more"],
)
def test_what_is_no_packed_plan_is_left(plan: Json) -> None:
    """A damaged, endless or forged packed plan becomes nothing else, and so no plan."""
    assert plan == unpacked(plan)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each), max_leaves=20))
def test_every_value_comes_back(value: Any) -> None:
    """Whatever a plan holds is the same when it is unpacked."""
    plan = {"steps": [value], "padding": "x" * 2000}

    assert {"zlib"} == set(packed_plan(plan))  # type: ignore[arg-type]  # it is a dict, packed or not
    assert plan == unpacked(packed_plan(plan))
