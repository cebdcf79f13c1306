"""What an author can say of the world in a test, and can ask of its run afterwards."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from resolute import (
    Flow,
    FlowBuilder,
    NodeError,
    Provider,
    TerminalError,
    current_call,
    env,
    every,
    failure,
    flow,
    input_data,
    manual,
    node,
    now,
    previous,
    secret,
    text,
)
from resolute.plan.errors import NodeFailedError
from resolute.plan.provider import NodeDefinition, SecretText
from resolute.testing import FakeError, FlowTester, NoAnswerError, UnknownFakeError, WrongAnswerError
from resolute.writing.node import provider_node

Tester = Callable[..., FlowTester]


class Health(BaseModel):
    status: str
    load: float = 0.0


class Ticket(BaseModel):
    id: str


@node
async def check(url: str) -> Health:
    return Health(status="healthy", load=float(len(url)))


@node
def shout(word: str) -> str:
    return word.upper()


@provider_node("desk", "OpenTicket")
async def open_ticket(desk: Any, *, title: str, token: SecretText = "") -> Ticket:
    return Ticket(id=desk.open(title))


class Desk(Provider):
    """A provider that remembers what it was asked."""

    name = "desk"

    def __init__(self) -> None:
        self.opened: list[str] = []

    @classmethod
    def nodes(cls) -> Sequence[NodeDefinition]:
        return [open_ticket.definition]

    def open(self, title: str) -> str:
        self.opened.append(title)
        return f"T{len(self.opened)}"


def begun() -> FlowBuilder:
    return flow("tried").triggered_by(manual("go"))


def monitor() -> Flow:
    health = check(env("HEALTH_URL")).as_("health")
    ticket = open_ticket(title=health.output.status, token=secret("DESK_TOKEN")).as_("ticket")
    return begun().then(health).when(health.output.status == "ill").then(ticket).end_when().build()


URL = {"HEALTH_URL": "http://shop"}


class TestAnswers:
    async def test_an_own_node_runs_for_real(self, flow_tester: Tester) -> None:
        """Without an answer of the test, the node's own function is called with its environment."""
        run = await flow_tester(monitor(), env=URL).run()

        assert {"health": {"status": "healthy", "load": 11.0}} == run.result

    @pytest.mark.parametrize("answer", [Health(status="ill"), {"status": "ill"}], ids=["model", "dict"])
    async def test_an_answer_is_a_model_or_a_dict(self, flow_tester: Tester, answer: object) -> None:
        """Either is what the node returns, with the defaults of its model."""
        tester = flow_tester(monitor(), env=URL)
        tester.answer("check", answer)
        tester.answer("desk.OpenTicket", {"id": "T7"})

        assert {"health": {"status": "ill", "load": 0.0}, "ticket": {"id": "T7"}} == (await tester.run()).result

    async def test_a_function_answers_with_the_arguments(self, flow_tester: Tester) -> None:
        """It is given the arguments by name, as the node would be; it may be async, and fail."""

        def checked(url: str) -> Health | TerminalError:
            return Health(status="ill") if url == "http://shop" else TerminalError("no")

        async def opened(title: str, **_: object) -> Ticket:
            return Ticket(id=f"{title} at attempt {current_call().attempt}")

        tester = flow_tester(monitor(), env=URL)
        tester.answer("check", checked)
        tester.answer("ticket", opened)

        assert "ill at attempt 1" == (await tester.run()).result["ticket"]["id"]

    async def test_a_step_goes_before_its_node(self, flow_tester: Tester) -> None:
        """One step can be answered apart from the others of the same node."""
        tester = flow_tester(begun().then(shout("a").as_("first")).then(shout("b").as_("second")).build())
        tester.answer("shout", "node")
        tester.answer("second", "step")

        assert {"first": "node", "second": "step"} == (await tester.run()).result

    async def test_a_sequence_ends_with_its_last_answer(self, flow_tester: Tester) -> None:
        """Errors among the answers are raised, and tried again as their type says; the last answer stays."""
        tester = flow_tester(begun().then(shout("a").as_("said")).build())
        tester.sequence("said", [NodeError("busy"), OSError("reset"), "well", "again"])

        results = [(await tester.run()).result["said"] for _ in range(3)]

        assert ["well", "again", "again"] == results

    async def test_a_failing_node_fails_the_run(self, flow_tester: Tester) -> None:
        """The failure says step, node, type and reason; whoever asks for the result is told."""
        tester = flow_tester(monitor(), env=URL)
        tester.fails("health", TerminalError("gone"))

        run = await tester.run()

        assert "failed" == run.status == run.report.status
        assert run.failure is not None
        assert {"step": "health", "node": "check", "error_type": "TerminalError", "message": "gone"} == (
            run.failure.model_dump()
        )
        with pytest.raises(NodeFailedError, match=r"step 'health' \(check\) failed: TerminalError: gone"):
            _ = run.result

    async def test_a_provider_can_work_for_real(self, flow_tester: Tester) -> None:
        """A node of a provider that the test was given is called with it."""
        desk = Desk()
        tester = flow_tester(monitor(), env=URL, providers=[desk])
        tester.answer("check", Health(status="ill"))

        run = await tester.run()

        assert (["ill"], {"id": "T1"}) == (desk.opened, run.result["ticket"])


class TestMistakes:
    async def test_a_provider_that_is_not_there_is_never_asked(self, flow_tester: Tester) -> None:
        """The error names the node and both ways out. It is the test's, so it is raised."""
        tester = flow_tester(monitor(), env=URL)
        tester.answer("check", Health(status="ill"))

        with pytest.raises(NoAnswerError) as raised:
            await tester.run()

        assert (
            "the test has no answer for 'desk.OpenTicket' (step 'ticket'): "
            "give one with tester.answer('desk.OpenTicket', ...), or the provider with providers=[...]"
        ) == str(raised.value)

    async def test_what_is_not_reached_needs_no_answer(self, flow_tester: Tester) -> None:
        """A test of one path says nothing of the others."""
        assert not (await flow_tester(monitor(), env=URL).run()).ran("desk.OpenTicket")

    async def test_a_node_cannot_return_anything(self, flow_tester: Tester) -> None:
        """An answer that the node could not give is the test's mistake, with the field that is wrong."""
        tester = flow_tester(monitor(), env=URL)
        tester.answer("check", {"status": "ill", "load": "much"})

        with pytest.raises(WrongAnswerError) as raised:
            await tester.run()

        assert (
            "the test answers for 'check' what it cannot return: load: Input should be a valid number, "
            "unable to parse string as a number"
        ) == str(raised.value)

    @pytest.mark.parametrize("say", ["answer", "fails", "sequence", "calls_of", "ran"])
    async def test_unknown_names_are_refused(self, flow_tester: Tester, say: str) -> None:
        """A misspelt name would make a test that looks at nothing."""
        tester = flow_tester(monitor(), env=URL)
        asked: Any = tester if say in {"answer", "fails", "sequence"} else await tester.run()
        arguments = [["x"]] if asked is tester else []

        with pytest.raises(UnknownFakeError) as raised:
            getattr(asked, say)("chekc", *arguments)

        assert "the flow has no step or node 'chekc' (did you mean 'check'?)" == str(raised.value)

    async def test_an_empty_sequence_is_refused(self, flow_tester: Tester) -> None:
        """There would be nothing to answer with."""
        with pytest.raises(UnknownFakeError, match="give at least one answer"):
            flow_tester(monitor()).sequence("check", [])

    async def test_an_assertion_in_an_answer_reaches_the_test(self, flow_tester: Tester) -> None:
        """What a test asserts in its answer is not tried again, and not lost in a failed run."""

        def refusing(url: str) -> Health:
            raise AssertionError(f"asked {url}")

        tester = flow_tester(monitor(), env=URL)
        tester.answer("check", refusing)

        with pytest.raises(FakeError, match="asked http://shop"):
            await tester.run()

    async def test_a_step_that_never_gives_up_ends_the_test(self, flow_tester: Tester) -> None:
        """Without a limit of attempts, a test of a node that always fails would never end."""
        tester = flow_tester(begun().then(shout("a").retry(0)).build())
        tester.fails("shout", NodeError("busy"))

        with pytest.raises(FakeError, match="step 'shout' was tried 1,000 times and its policy never gives up"):
            await tester.run()

    async def test_arguments_are_checked_as_in_production(self, flow_tester: Tester) -> None:
        """Also a node that has an answer refuses what it would refuse."""
        tester = flow_tester(begun().then(shout(input_data("word"))).build())
        tester.answer("shout", "never")

        run = await tester.run({"word": 7})

        assert run.failure is not None
        assert "InvalidArgumentsError" == run.failure.error_type


class TestEnvironment:
    async def test_secrets_need_not_be_given(self, flow_tester: Tester) -> None:
        """A placeholder that names the secret stands for it."""
        tester = flow_tester(monitor(), env=URL)
        tester.answer("check", Health(status="ill"))
        tester.answer("ticket", {"id": "T1"})

        (call,) = (await tester.run()).calls_of("ticket")

        assert {"title": "ill", "token": "<secret DESK_TOKEN>"} == call.arguments

    async def test_given_secrets_stay_secret(self, flow_tester: Tester) -> None:
        """A node gets the value that the test gives; whatever can be printed has it masked."""
        heard: list[str] = []

        def hear(title: str, token: str) -> Ticket:
            heard.append(token)
            return Ticket(id=f"opened {title} with {token}")

        tester = flow_tester(monitor(), env={**URL, "DESK_TOKEN": "correct-horse"})
        tester.answer("check", Health(status="ill"))
        tester.answer("ticket", hear)

        run = await tester.run()

        assert ["correct-horse"] == heard
        assert {"title": "ill", "token": "***"} == run.calls_of("ticket")[0].arguments
        assert "correct-horse" not in repr(run)

    async def test_a_missing_variable_fails_the_step(
        self, flow_tester: Tester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on a worker; the environment of the test's own process is not looked at."""
        monkeypatch.setenv("HEALTH_URL", "http://real")

        run = await flow_tester(monitor()).run()

        assert run.failure is not None
        assert ("health", "MissingEnvironmentError") == (run.failure.step, run.failure.error_type)


class TestRuns:
    async def test_calls_are_every_attempt_in_order(self, flow_tester: Tester) -> None:
        """With step, node, arguments, attempt, and the virtual time."""
        tester = flow_tester(begun().then(shout("a")).then(shout("b").as_("b")).build())
        tester.sequence("shout", [NodeError("busy"), "A", "B"])

        calls = (await tester.run()).calls

        assert [("shout", "shout", 1, 0), ("shout", "shout", 2, 1), ("b", "shout", 1, 1)] == [
            (call.step, call.node, call.attempt, (call.at - calls[0].at).total_seconds()) for call in calls
        ]
        assert [{"word": "a"}, {"word": "a"}, {"word": "b"}] == [call.arguments for call in calls]

    async def test_steps_can_be_asked_for(self, flow_tester: Tester) -> None:
        """By their names; what was left out says so."""
        run = await flow_tester(monitor(), env=URL).run()

        assert ("completed", "otherwise", "skipped") == (
            run.step("health").status,
            run.step("when").taken,
            run.step("ticket").status,
        )

    async def test_undone_are_the_undo_steps_that_completed(self, flow_tester: Tester) -> None:
        """Last step first, without those that failed; on_failure steps know what went wrong."""
        rent = shout("rent").on_failure(shout("release").as_("release"))
        book = shout("book").as_("book").on_failure(shout("cancel").as_("cancel"), shout("refund").as_("refund"))
        tester = flow_tester(
            begun().then(rent).then(book).then(shout("pay").as_("pay")).on_failure(shout(failure().message)).build()
        )
        tester.fails("pay", TerminalError("declined"))
        tester.fails("cancel", TerminalError("too late"))

        run = await tester.run()

        assert ("refund", "release") == run.undone
        assert [{"word": "declined"}] == [call.arguments for call in run.calls_of("shout_2")]
        assert ["too late"] == [failed.message for failed in run.report.compensation_failures]

    async def test_input_is_a_model_or_json(self, flow_tester: Tester) -> None:
        """Whatever a run can be started with."""
        tester = flow_tester(begun().then(shout(input_data("status")).as_("said")).build())

        assert [{"said": "ILL"}, {"said": "WELL"}] == [
            (await tester.run(Health(status="ill"))).result,
            (await tester.run({"status": "well"})).result,
        ]


class TestPrevious:
    @staticmethod
    def counting() -> Flow:
        health = check("http://shop").as_("health")
        return (
            flow("remembers")
            .triggered_by(every(timedelta(minutes=5)))
            .then(health)
            .when((health.output.status == "well") & (previous(health.output.status) == "ill"))
            .then(shout("recovered").as_("told"))
            .end_when()
            .build()
        )

    async def test_runs_of_one_tester_follow_each_other(self, flow_tester: Tester) -> None:
        """previous(...) reads the last run in which the step completed; the first run has none."""
        tester = flow_tester(self.counting())
        tester.sequence(
            "health",
            [{"status": "well"}, {"status": "ill"}, TerminalError("no answer"), {"status": "well"}, {"status": "well"}],
        )

        told = [(await tester.run()).ran("told") for _ in range(5)]

        assert [False, False, False, True, False] == told

    async def test_the_run_before_can_be_given(self, flow_tester: Tester) -> None:
        """As models or JSON, by step name."""
        tester = flow_tester(self.counting())
        tester.answer("health", {"status": "well"})

        assert (await tester.run(previous={"health": Health(status="ill")})).ran("told")

    async def test_only_what_is_handed_on_can_be_given(self, flow_tester: Tester) -> None:
        """A step that the next run could never read of is the test's mistake."""
        with pytest.raises(
            UnknownFakeError, match=r"passes no output of 'helth' to its next run \(did you mean 'health"
        ):
            await flow_tester(self.counting()).run(previous={"helth": {}})
        with pytest.raises(UnknownFakeError, match="passes no output of 'health'"):
            await flow_tester(monitor()).run(previous={"health": {}})


class TestCancel:
    @staticmethod
    def drained() -> Flow:
        order = check("http://shop").as_("order")
        return (
            flow("drained")
            .triggered_by(every(timedelta(minutes=5)))
            .then(order.on_failure(shout(order.output.status).as_("undo")))
            .then(shout(text("{}", previous(order.output.status))).as_("known"))
            .on_failure(shout("failed").as_("told"))
            .build()
        )

    async def test_a_cancelled_run_undoes_its_work(self, flow_tester: Tester) -> None:
        """What waits is given up, what completed is undone, and nobody is told of a failure."""
        tester = flow_tester(self.drained())
        tester.answer("order", {"status": "taken"})

        async def wait(word: object) -> str:
            tester.cancel()
            await asyncio.Event().wait()
            return "never"

        tester.answer("known", wait)
        run = await tester.run()

        assert ("cancelled", "the run was cancelled") == (run.status, str(run.error))
        assert ("cancelled", ("undo",)) == (run.step("known").status, run.undone)
        assert not run.ran("told")

    async def test_a_step_that_ends_all_the_same_is_undone(self, flow_tester: Tester) -> None:
        """An answer that is given in the moment of the cancel counts, and the next run knows of it."""
        tester = flow_tester(self.drained())

        def cancel(url: str) -> dict[str, str]:
            tester.cancel()
            return {"status": "taken"}

        tester.answer("order", cancel)
        first = await tester.run()
        tester.answer("order", {"status": "other"})
        second = await tester.run()

        assert ("cancelled", ("undo",), False) == (first.status, first.undone, first.ran("known"))
        assert {"word": "taken"} == second.calls_of("known")[0].arguments

    async def test_there_has_to_be_a_run(self, flow_tester: Tester) -> None:
        """Between two runs nothing can be cancelled."""
        with pytest.raises(UnknownFakeError, match="no run is in progress"):
            flow_tester(self.drained()).cancel()


class TestClock:
    async def test_it_starts_where_the_test_says_and_moves_on(self, flow_tester: Tester) -> None:
        """now() is the tester's clock; a test moves it between runs."""

        @node
        async def stamp(at: datetime) -> str:
            return f"{at:%H:%M}"

        tester = flow_tester(begun().then(stamp(now()).as_("at")).build(), start=datetime(2026, 7, 1, 9, tzinfo=UTC))
        first = (await tester.run()).result
        tester.clock.move(timedelta(hours=2))

        assert [{"at": "09:00"}, {"at": "11:00"}] == [first, (await tester.run()).result]

    async def test_runs_have_names_of_their_own(self, flow_tester: Tester) -> None:
        """What is derived from a run, such as a key against repeats, differs from run to run."""

        @node
        async def key() -> str:
            return current_call().idempotency_key

        tester = flow_tester(begun().then(key().as_("key")).build())

        assert ["tried/test-1/key", "tried/test-2/key"] == [(await tester.run()).result["key"] for _ in range(2)]
