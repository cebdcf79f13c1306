"""The memory engine: virtual time, policies, and what becomes of a node that does not answer."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute import Flow, NodeError, Retry, TerminalError, branch, current_call, flow, manual, node, now
from resolute.execution.executor import NodeExecutor
from resolute.execution.secrets import Environment
from resolute.memory.clock import START, VirtualClock
from resolute.memory.ended import MemoryRun
from resolute.memory.runtime import run_in_memory
from resolute.plan.errors import NodeFailedError
from resolute.plan.failing import Failure
from resolute.writing.node import Node

ONE = Retry(attempts=1)


def of(*steps: Node[Any]) -> Flow:
    builder = flow("memory").triggered_by(manual("go"))
    for step in steps:
        builder = builder.then(step)
    return builder.build()


async def run(tested: Flow, clock: VirtualClock | None = None, patience: float = 5.0) -> MemoryRun:
    executor = NodeExecutor.for_flows([tested], environment=Environment({}))
    return await run_in_memory(tested.plan, executor, clock=clock, patience=patience)


def seconds_of(ended: MemoryRun) -> list[tuple[str, float]]:
    return [(call.step, (call.at - START).total_seconds()) for call in ended.calls]


def failure(ended: MemoryRun) -> Failure:
    assert ended.report.failure is not None
    return ended.report.failure


@node
async def stumble(times: int) -> int:
    attempt = current_call().attempt
    if attempt <= times:
        raise NodeError(f"attempt {attempt}")
    return attempt


@node
async def refuse() -> None:
    raise TerminalError("no")


@node
async def hang() -> None:
    await asyncio.Event().wait()


@node
async def tick(name: str) -> str:
    return name


class TestVirtualClock:
    def test_it_starts_where_it_is_told(self) -> None:
        """A time without a zone is UTC; without a time the clock starts at a fixed one."""
        assert START == VirtualClock().now()
        assert datetime(2026, 3, 1, 9, tzinfo=UTC) == VirtualClock(datetime(2026, 3, 1, 9)).now()

    def test_it_can_be_moved_between_runs(self) -> None:
        """Whoever tests a schedule says how much later the next run is."""
        clock = VirtualClock()

        clock.move(timedelta(hours=1))

        assert START + timedelta(hours=1) == clock.now()

    @given(st.lists(st.lists(st.integers(0, 50), max_size=4), min_size=1, max_size=5))
    async def test_sleepers_wake_in_the_order_of_time(self, sleepers: list[list[int]]) -> None:
        """However many wait at once: each wakes at its time, and time never goes back."""
        clock = VirtualClock()
        woken: list[float] = []

        async def sleep(pauses: list[int]) -> float:
            with clock.busy():
                for pause in pauses:
                    await clock.sleep(pause)
                    woken.append((clock.now() - START).total_seconds())
                return (clock.now() - START).total_seconds()

        ends = await asyncio.gather(*(sleep(pauses) for pauses in sleepers))

        assert sorted(woken) == woken
        assert max(sum(pauses) for pauses in sleepers) == (clock.now() - START).total_seconds()
        assert [sum(pauses) for pauses in sleepers if pauses] == [
            end for end, pauses in zip(ends, sleepers, strict=True) if pauses
        ]

    async def test_it_stands_still_while_somebody_is_at_work(self) -> None:
        """Time does not pass a branch that works for real, be it for many turns of the event loop."""
        clock, order, started = VirtualClock(), list[str](), asyncio.Event()

        async def worker() -> None:
            with clock.busy():
                started.set()
                for _ in range(100):
                    await asyncio.sleep(0)
                order.append("worked")

        async def sleeper() -> None:
            with clock.busy():
                await started.wait()
                await clock.sleep(1)
                order.append("slept")

        await asyncio.gather(sleeper(), worker())

        assert ["worked", "slept"] == order

    async def test_a_cancelled_sleeper_is_forgotten(self) -> None:
        """Who goes away while waiting neither holds the clock nor moves it for the others."""
        clock = VirtualClock()

        async def sleep(seconds: float) -> None:
            with clock.busy():
                await clock.sleep(seconds)

        async def hold(until: asyncio.Event) -> None:
            with clock.busy():
                await until.wait()

        held = asyncio.Event()
        holder, gone, stays = (asyncio.create_task(each) for each in (hold(held), sleep(1), sleep(2)))
        await asyncio.sleep(0)
        gone.cancel()
        held.set()
        await asyncio.gather(holder, stays)

        assert START + timedelta(seconds=2) == clock.now()


class TestPolicies:
    async def test_pauses_move_the_clock(self) -> None:
        """Retries wait 1, 2, 4 ... seconds of virtual time, at most the maximum, and of no other time."""
        ended = await run(of(stumble(4).retry(initial=timedelta(seconds=1), maximum=timedelta(seconds=5))))

        assert [("stumble", 0), ("stumble", 1), ("stumble", 3), ("stumble", 7), ("stumble", 12)] == seconds_of(ended)
        assert [1, 2, 3, 4, 5] == [call.attempt for call in ended.calls]

    async def test_attempts_run_out(self) -> None:
        """The last error is the failure, with its type, its text, and how often was tried."""
        failed = (await run(of(stumble(9).retry(3)))).error

        assert isinstance(failed, NodeFailedError)
        assert ("stumble", "stumble", "NodeError", "attempt 3", True, 3) == (
            failed.step,
            failed.node,
            failed.error_type,
            failed.reason,
            failed.retryable,
            failed.attempts,
        )

    async def test_a_terminal_error_is_not_tried_again(self) -> None:
        """The type says it, whatever the policy."""
        ended = await run(of(refuse().retry(5)))

        assert isinstance(ended.error, NodeFailedError)
        assert (False, 1) == (ended.error.retryable, ended.error.attempts)
        assert 1 == len(ended.calls)

    async def test_retry_after_overrides_the_pause(self) -> None:
        """What the service asks for counts, also where it is longer than the policy's maximum, or nothing at all."""

        @node
        async def throttled() -> None:
            attempt = current_call().attempt
            if attempt < 3:
                raise NodeError("wait", retry_after=timedelta(seconds=(0, 300, 0)[attempt]))

        ended = await run(of(throttled().retry(maximum=timedelta(seconds=10))))

        assert [("throttled", 0), ("throttled", 300), ("throttled", 300)] == seconds_of(ended)

    async def test_within_ends_the_attempts(self) -> None:
        """No attempt begins after the time that all have together; the last error is the failure."""
        ended = await run(of(stumble(99).retry(0).timeout(within=timedelta(seconds=10))))

        assert [("stumble", 0), ("stumble", 1), ("stumble", 3), ("stumble", 7)] == seconds_of(ended)
        assert "attempt 4" == failure(ended).message

    async def test_a_hanging_node_is_cut_off(self) -> None:
        """It fails after its timeout in virtual time, and after the patience of the test in real time."""
        ended = await run(of(hang().retry(2).timeout(timedelta(minutes=10))), patience=0.01)

        assert [("hang", 0), ("hang", 601)] == seconds_of(ended)
        assert ("TimeoutError", "no answer within 600 s") == (failure(ended).error_type, failure(ended).message)
        assert START + timedelta(seconds=1201) == ended.report.step("hang").ended_at

    async def test_within_cuts_a_hanging_node_off(self) -> None:
        """The last attempt gets what is left of the time of all."""
        hanging = hang().retry(3).timeout(timedelta(seconds=8), within=timedelta(seconds=12))
        ended = await run(of(hanging), patience=0.01)

        assert [("hang", 0), ("hang", 9)] == seconds_of(ended)
        assert "not done within 12 s" == failure(ended).message

    async def test_a_plain_function_that_hangs_is_cut_off(self) -> None:
        """A thread cannot be stopped; the run goes on without it."""
        loop, release = asyncio.get_running_loop(), asyncio.Event()

        @node(retry=ONE)
        def block() -> None:
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()

        ended = await run(of(block()), patience=0.01)
        release.set()

        assert "TimeoutError" == failure(ended).error_type

    async def test_an_own_timeout_of_a_node_is_its_own(self) -> None:
        """A TimeoutError that the node raises is its failure, with the node's words."""

        @node(retry=ONE)
        async def slow_database() -> None:
            raise TimeoutError("the database did not answer")

        ended = await run(of(slow_database()))

        assert "the database did not answer" == failure(ended).message

    async def test_silence_is_cut_off(self) -> None:
        """Without a heartbeat for that long, a long node counts as gone."""
        ended = await run(of(hang().retry(1).timeout(timedelta(hours=1), heartbeat=timedelta(milliseconds=5))))

        assert "no heartbeat within 0.005 s" == failure(ended).message

    @pytest.mark.parametrize("kind", ["async", "plain"])
    async def test_the_next_attempt_knows_the_last_heartbeat(self, kind: str) -> None:
        """A long node goes on from where its last attempt was, from whatever thread it tells."""

        def walk() -> list[object]:
            call = current_call()
            if call.attempt == 1:
                call.heartbeat("page", 7)
                raise NodeError("interrupted")
            return list(call.last_heartbeat)

        async def walk_async() -> list[object]:
            return walk()

        function: Callable[[], Any] = walk if kind == "plain" else walk_async
        ended = await run(of(node(name="walk")(function)().as_("pages")))

        assert {"pages": ["page", 7]} == ended.report.result

    async def test_a_thread_that_was_left_behind_is_told(self) -> None:
        """A plain node that was given up ends at its next heartbeat, and the next attempt hears nothing of it."""
        told: list[BaseException] = []
        first, ended = threading.Event(), threading.Event()

        @node(retry=Retry(attempts=0))
        def linger() -> list[object]:
            call = current_call()
            if call.attempt > 1:
                first.set()
                ended.wait()
                return list(call.last_heartbeat)
            first.wait()
            try:
                call.heartbeat("late")
            except BaseException as error:
                told.append(error)
                raise
            finally:
                ended.set()
            return []

        run_ended = await run(of(linger().as_("lingered")), patience=1)

        assert [asyncio.CancelledError] == [type(error) for error in told]
        assert {"lingered": []} == run_ended.report.result

    async def test_a_node_knows_how_long_it_is_waited_for(self) -> None:
        """The deadline of an attempt is its timeout, or what is left of the time of all attempts."""
        left: list[float] = []

        @node
        async def look() -> None:
            call = current_call()
            left.extend(each - time.monotonic() for each in (call.deadline, call.last_deadline))

        await run(of(look().timeout(timedelta(minutes=3))), patience=math.inf)
        await run(of(look().timeout(timedelta(minutes=3), within=timedelta(minutes=2))), patience=math.inf)

        assert [3, math.inf, 2, 2] == [each if math.isinf(each) else math.ceil(each / 60) for each in left]


class TestBranches:
    async def test_the_earliest_branch_goes_on_first(self) -> None:
        """Branches that wait at the same time go on in the order of time, not of the plan."""
        slow = stumble(1).retry(initial=timedelta(seconds=30)).as_("slow")
        fast = stumble(2).retry(initial=timedelta(seconds=2)).as_("fast")
        tested = flow("memory").triggered_by(manual("go")).then_parallel([slow, tick("a")], [fast, tick("b")]).build()

        ended = await run(tested)

        assert [
            ("slow", 0),
            ("fast", 0),
            ("fast", 2),
            ("fast", 6),
            ("tick_2", 6),
            ("slow", 30),
            ("tick", 30),
        ] == seconds_of(ended)

    async def test_deep_branches_begin_before_time_moves(self) -> None:
        """A branch far down in others starts at the time at which its block starts."""
        deep = branch().then(tick("deep").as_("deep"))
        for _ in range(12):
            deep = branch().then_parallel(deep)
        waits = stumble(1).as_("waits")
        tested = flow("memory").triggered_by(manual("go")).then_parallel(waits, deep).then(tick("end")).build()

        ended = await run(tested)

        assert [("waits", 0), ("deep", 0), ("waits", 1), ("tick", 1)] == seconds_of(ended)

    async def test_the_clock_of_the_run_is_the_virtual_one(self) -> None:
        """now() and the times of the report are those of the clock."""

        @node
        async def since(time: datetime) -> datetime:
            return time

        clock = VirtualClock(datetime(2026, 5, 1, tzinfo=UTC))
        tested = of(stumble(1), since(now() - timedelta(days=1)).as_("since"))

        ended = await run(tested, clock)

        assert {"since": "2026-04-30T00:00:01Z"} == ended.report.result
        assert datetime(2026, 5, 1, 0, 0, 1, tzinfo=UTC) == ended.report.step("since").started_at


async def test_what_a_node_sets_for_itself_stays_with_it() -> None:
    """A run leaves nothing behind in the task of whoever ran it."""
    await run(of(tick("a")))

    with pytest.raises(Exception, match="only works inside a node"):
        current_call()
