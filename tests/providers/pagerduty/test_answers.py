"""Errors and limits: what is made of every answer that PagerDuty, or something before it, may give."""

import json
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import resolute_pagerduty as pagerduty
from resolute.plan.errors import NodeError, TerminalError
from resolute_pagerduty import errors
from resolute_pagerduty.http.exchange import Answer
from resolute_pagerduty.simulator import Limits, Simulator
from resolute_pagerduty.simulator.world import WORLD
from tests.providers.pagerduty.harness import Bench, config_for


def answer(status: int, body: object = None, *, text: str | None = None, **headers: str) -> Answer:
    content = text if text is not None else "" if body is None else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, content=content.encode())


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (301, errors.UnreadableAnswerError, True),
        (400, errors.BadRequestError, False),
        (401, errors.UnauthorizedError, False),
        (402, errors.MissingAbilityError, False),
        (403, errors.ForbiddenError, False),
        (404, errors.NotFoundError, False),
        (405, errors.MethodNotAllowedError, False),
        (408, errors.RequestTimeoutError, True),
        (409, errors.ConflictError, False),
        (413, errors.TooLargeError, False),
        (418, errors.RefusedError, False),
        (422, errors.UnprocessableError, False),
        (429, errors.RateLimitedError, True),
        (500, errors.ServerError, True),
        (502, errors.BadGatewayError, True),
        (503, errors.ServiceUnavailableError, True),
        (504, errors.GatewayTimeoutError, True),
        (599, errors.ServerError, True),
    ],
)
def test_every_status_has_a_class_that_says_whether_to_try_again(status: int, kind: type[Exception], retryable: bool):
    """The class alone decides; a terminal one is a TerminalError to those who know nothing of PagerDuty."""
    error = answer(status).error("GET /x")

    assert kind is type(error)
    assert (retryable, not retryable) == (error.retryable, isinstance(error, TerminalError))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {
                "error": {
                    "message": "Invalid Input Provided",
                    "code": 2001,
                    "errors": ["Title is blank", "Key too long"],
                }
            },
            "GET /x: 400 Invalid Input Provided (code 2001): Title is blank; Key too long",
        ),
        ({"error": {"message": "Arguments Caused Error", "code": 2002, "errors": "one text"}}, "code 2002): one text"),
        ({"error": ["links should have at most 50 item(s)"]}, "links should have at most 50 item(s)"),
        ({"error": "account-level access token"}, "400 account-level access token"),
        ({"error": "invalid_client", "error_description": "no such client"}, "invalid_client: no such client"),
        (
            {"status": "invalid event", "message": "Event object is invalid", "errors": ["'event_action' is missing"]},
            "400 Event object is invalid: 'event_action' is missing",
        ),
        ({"error": {"errors": {"event.effective_since": ["is too late"]}}}, "event.effective_since: is too late"),
        (
            {"error": {"message": None, "code": "odd", "errors": [None, 7, {"a": ["b"]}]}},
            "400 without a reason: 7; a: b",
        ),
        (["just", "a list"], "400 without a reason: just; a list"),
        (None, "GET /x: 400 without a reason"),
    ],
)
def test_every_shape_of_error_body_is_understood(body: Any, told: str):
    """PagerDuty's APIs and the machines before them answer in many shapes; each gives its reasons."""
    assert told in str(answer(400, body).error("GET /x"))


def test_an_error_page_is_told_by_its_first_line():
    """A gateway's HTML is no JSON; status, request id and first line are what helps."""
    error = answer(502, text="<html>\n<body>Bad Gateway</body>", x_request_id="req-1").error("GET /x")

    assert "GET /x: 502 <html> [request req-1]" == str(error)
    assert ("req-1", 502) == (error.request_id, error.status)


@given(st.binary(max_size=200), st.integers(300, 599))
def test_no_body_is_too_odd(content: bytes, status: int):
    """Whatever the bytes are, the error has its class and its status."""
    error = Answer(status=status, headers={}, content=content).error("GET /x")

    assert status == error.status


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (1008, "PAGERDUTY_FROM_EMAIL matches nobody in this account"),
        (1028, "PAGERDUTY_FROM_EMAIL is not an email address"),
        (1012, "acknowledge the incident before you snooze it"),
        (2005, "all_incidents splits a longer period"),
    ],
)
def test_codes_say_what_to_do(code: int, advice: str):
    """A code that has a remedy is told with it."""
    assert advice in str(answer(400, {"error": {"message": "No", "code": code}}).error("PUT /x"))


def test_a_missing_from_names_the_setting():
    """Code 2016 means two things; the text says which, and the account's own variable is named."""
    text = 'You must specify a user\'s email address in the "From" header to perform this action'
    body = {"error": {"message": "Arguments Caused Error", "code": 2016, "errors": [text]}}
    slow = {"error": {"message": "The request took too long to process", "code": 2016}}

    assert "set PAGERDUTY_EU_FROM_EMAIL" in str(answer(400, body).error("PUT /x", prefix="PAGERDUTY_EU_"))
    assert "FROM_EMAIL" not in str(answer(400, slow).error("PUT /x"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"ratelimit_reset": "17"}, 17),
        ({"ratelimit_reset": "0"}, 1),
        ({"retry_after": "5"}, 5),
        ({}, 15),
        ({"ratelimit_reset": "soon"}, 15),
        ({"ratelimit_reset": "1772452800"}, 15),
        ({"ratelimit_reset": "-4"}, 15),
    ],
)
def test_a_limit_says_how_long_to_wait(headers: dict[str, str], seconds: int):
    """Seconds until the limit starts anew; a default where nothing sensible is said."""
    assert timedelta(seconds=seconds) == answer(429, **headers).error("GET /x").retry_after


async def test_an_answer_that_is_not_json_is_an_error(bench: Bench):
    """A 200 with a login page: status, request id and first line are told, and it is tried again."""
    bench.sim.faults.add(action="status", status=400, path="/incidents", body="<!DOCTYPE html>\nSign in")
    with pytest.raises(errors.BadRequestError, match="<!DOCTYPE html>"):
        await bench.run(pagerduty.list_incidents)
    with pytest.raises(
        errors.UnreadableAnswerError, match=r"200 with an answer that is not JSON: '<html>' \[request r\]"
    ):
        answer(200, text="<html>", x_request_id="r").json("GET /x")


async def test_unknown_and_missing_fields_never_fail_a_read():
    """What PagerDuty adds is left out, what it forgets has its default, null is as good as missing."""
    body = {"id": "P1", "brand_new": {"a": 1}, "title": None, "assignments": None, "service": None, "priority": None}
    incident = pagerduty.get_incident.definition.types["return"].model_validate({"incident": body}).incident

    assert ("P1", "", (), "", None) == (
        incident.id,
        incident.title,
        incident.assignments,
        incident.service.summary,
        incident.priority,
    )


async def test_a_wrong_key_is_refused_for_good_and_never_shown(sim: Simulator):
    """401 also means the other region; the key is in no message."""
    async with pagerduty.PagerDuty(config_for(sim, api_key=SecretStr("hidden-key-value"))) as provider:
        with pytest.raises(errors.UnauthorizedError, match="PAGERDUTY_REGION=eu") as caught:
            await Bench(sim, provider).run(pagerduty.list_incidents)

    assert "hidden-key-value" not in str(caught.value)


async def test_a_missing_permission_names_the_scope(sim: Simulator):
    """403 of a read-only key says that it only reads, and which scope an app would need."""
    incident = sim.add_incident("Slow", WORLD.service)
    async with pagerduty.PagerDuty(config_for(sim, api_key=SecretStr(WORLD.read_only_key))) as provider:
        with pytest.raises(errors.ForbiddenError, match=r"a read-only key can only read.*incidents\.write"):
            await Bench(sim, provider).run(pagerduty.update_incident, id=incident.id, status="resolved")


async def test_no_connection_is_told_as_nothing_sent(bench: Bench):
    """Nobody listens: nothing was sent, and trying again is right."""
    config = config_for(bench.sim, api_url="http://127.0.0.1:9")
    async with pagerduty.PagerDuty(config) as provider:
        with pytest.raises(
            errors.UnreachableError, match=r"no connection to http://127.0.0.1:9.*nothing was sent"
        ) as caught:
            await Bench(bench.sim, provider).run(pagerduty.list_incidents)

    assert (True, False) == (caught.value.retryable, caught.value.sent)


async def test_a_used_up_limit_keeps_requests_back(bench: Bench):
    """After a 429 nothing is sent until the limit starts anew; the engine is told to wait that long."""
    bench.sim.faults.add(action="rate_limit", path="/services", reset_seconds=30)
    began = monotonic()
    with pytest.raises(errors.RateLimitedError) as first:
        await bench.run(pagerduty.list_services)
    with pytest.raises(errors.RateLimitedError, match="nothing was sent") as second:
        await bench.run(pagerduty.list_incidents)

    assert timedelta(seconds=30) == first.value.retry_after
    assert second.value.retry_after is not None
    assert 30 - (monotonic() - began) <= second.value.retry_after.total_seconds() <= 30
    assert 1 == len(bench.sent())


async def test_a_limit_without_headers_keeps_nothing_back(bench: Bench):
    """A bare 429 says nothing about the next request."""
    bench.sim.faults.add(action="rate_limit", path="/services", with_headers=False)
    with pytest.raises(errors.RateLimitedError) as caught:
        await bench.run(pagerduty.list_services)
    await bench.run(pagerduty.list_services)

    assert timedelta(seconds=15) == caught.value.retry_after


async def test_limits_of_single_operations_stand_apart(sim: Simulator):
    """GET /oncalls has a limit of its own: using it up keeps other requests going."""
    sim.account.limits = Limits(None, get_oncalls=2, post_incidents=None, put_incidents=None, events=None)
    try:
        async with pagerduty.PagerDuty(config_for(sim)) as provider:
            bench = Bench(sim, provider)
            await bench.run(pagerduty.get_on_calls)
            await bench.run(pagerduty.get_on_calls)
            with pytest.raises(errors.RateLimitedError, match="nothing was sent"):
                await bench.run(pagerduty.get_on_calls)
            await bench.run(pagerduty.list_services)
    finally:
        sim.account.limits = Limits.none()

    assert [200, 200, 200] == [each.status for each in sim.requests]


async def test_the_client_tries_once(bench: Bench):
    """A 503 is raised at once: whether and when to try again is for the node's policy."""
    bench.sim.faults.add(action="status", status=503, path="/services", times=None)
    with pytest.raises(errors.ServiceUnavailableError):
        await bench.run(pagerduty.list_services)

    assert 1 == len(bench.sent())


def test_every_error_of_the_provider_is_a_node_error():
    """An engine knows what to do with each."""
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]

    assert all(issubclass(each, NodeError) for each in found)
