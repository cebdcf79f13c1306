"""Memory of runs that write nothing, beside that of runs that do."""

from datetime import timedelta

from resolute import every, flow, node, previous
from resolute.plan.plan import Mode
from resolute.running.modes import memory_for, memory_from
from resolute.running.recall import Memory, memory_in_failure, memory_in_result
from resolute.running.result import recorded_of
from resolute.testing import FlowTester

LIVE = Memory({"incident": "open"}, 3)


@node(effect="read")
def look() -> str:
    return "well"


@node
def page(before: str | None) -> str:
    return f"paged after {before}"


def watch(mode: Mode = "live") -> FlowTester:
    health = look().as_("health")
    before = previous(health.output)
    written = flow("watch", mode="shadow" if mode == "shadow" else "live").triggered_by(every(timedelta(minutes=5)))
    return FlowTester(written.then(health).then(page(before).as_("paged")).build())


def test_a_live_run_never_reads_what_a_shadow_remembers() -> None:
    """What is made up stays among shadows; after them the live runs know what they knew."""
    shadow = memory_from("shadow", LIVE, Memory({"incident": "made up"}, 1))

    assert shadow is not None
    assert ({"incident": "open"}, 4) == (shadow.values, shadow.run)
    read = memory_for("live", shadow)
    assert read is not None
    assert {"incident": "open"} == read.values
    again = memory_for("shadow", shadow)
    assert again is not None
    assert {"incident": "made up"} == again.values


def test_the_first_shadow_begins_with_what_live_runs_knew() -> None:
    """A flow that becomes a shadow goes on from where it stood."""
    assert memory_for("shadow", LIVE) == LIVE


def test_a_dry_run_hands_on_what_it_was_given() -> None:
    """It reads as a live run would, and no run notices that it was there."""
    assert memory_for("dry", LIVE) == LIVE
    assert memory_from("dry", LIVE, Memory({"incident": "made up"}, 4)) == LIVE


def test_a_live_run_after_shadows_lets_their_memory_go() -> None:
    """It is of a time that is over."""
    own = Memory({"incident": "closed"}, 5)

    assert memory_from("live", memory_from("shadow", LIVE, own), own) == own


def test_both_memories_survive_a_result_and_a_failure() -> None:
    """They travel to the next run however this one ends."""
    memory = memory_from("shadow", LIVE, Memory({"incident": "made up"}, 1))

    assert memory is not None
    assert memory == memory_in_result(recorded_of("done", memory.values, memory.run, memory.beside))
    assert memory == memory_in_failure([memory.as_detail()])


async def test_a_dry_run_reads_and_leaves_no_trace_in_the_next_run() -> None:
    """`previous(...)` of a dry run is what a live run would have read, and the live run after it reads that as well."""
    tester = watch()
    tester.sequence("health", ["one", "two", "three"])
    first = await tester.run()
    dry = await tester.run(dry=True)
    third = await tester.run()

    assert {"health": "one", "paged": "paged after None"} == first.result
    assert {"paged": "it may change something"} == dry.not_done
    assert {"before": "one"} == dry.step("paged").arguments
    assert {"health": "three", "paged": "paged after one"} == third.result


async def test_shadows_remember_each_other() -> None:
    """A shadow reads what the shadow before it has seen."""
    tester = watch("shadow")
    tester.sequence("health", ["one", "two"])
    runs = [await tester.run(), await tester.run()]

    assert [{"before": None}, {"before": "one"}] == [run.step("paged").arguments for run in runs]
    assert ["shadow", "shadow"] == [run.report.mode for run in runs]
