"""The simulator's own endpoints under /_simulator, for use with curl: faults, clock, logs, reset."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from pydantic import ValidationError

from resolute.testing.simulating import Fault

from .api_errors import invalid
from .call import Call, Reply, Route
from .delivery import Delivery
from .engine import Engine, Recorded
from .values import Json, as_text, iso_millis, parse_time


def routes(engine: Engine, reset: Callable[[], None], describe: Callable[[], Json]) -> tuple[Route, ...]:
    """Return the routes that control a simulator."""

    def show_world(_: Call) -> Reply:
        return Reply(200, describe())

    def list_faults(_: Call) -> Reply:
        return Reply(200, {"faults": [fault.model_dump() for fault in engine.faults.pending()]})

    def add_fault(call: Call) -> Reply:
        try:
            fault = Fault.model_validate(call.body)
        except ValidationError as error:
            raise invalid(*(f"{_place(each['loc'])}: {each['msg']}" for each in error.errors())) from error
        engine.faults.add(fault)
        return Reply(201, {"fault": fault.model_dump()})

    def clear_faults(_: Call) -> Reply:
        engine.faults.clear()
        return Reply(204)

    def show_clock(_: Call) -> Reply:
        clock = engine.account.clock
        return Reply(200, {"now": iso_millis(clock.now()), "frozen": clock.frozen})

    def set_clock(call: Call) -> Reply:
        clock = engine.account.clock
        if at := as_text(call.body.get("freeze_at")):
            clock.freeze(_time(at))
        if (frozen := call.body.get("frozen")) is not None:
            clock.freeze() if frozen else clock.resume()
        if seconds := call.body.get("advance_seconds"):
            clock.advance(_step(seconds))
        return show_clock(call)

    def list_requests(_: Call) -> Reply:
        return Reply(200, {"requests": [_request(each) for each in engine.requests]})

    def clear_requests(_: Call) -> Reply:
        engine.requests.clear()
        return Reply(204)

    def list_deliveries(_: Call) -> Reply:
        return Reply(200, {"deliveries": [_delivery(each) for each in engine.deliverer.deliveries]})

    def redeliver(call: Call) -> Reply:
        for delivery in engine.deliverer.deliveries:
            if delivery.id == call.params["id"]:
                engine.deliverer.redeliver(delivery)
                return Reply(202)
        raise invalid("There is no such delivery")

    def begin_anew(_: Call) -> Reply:
        reset()
        return Reply(204)

    table: Mapping[tuple[str, str], Callable[[Call], Reply]] = {
        ("GET", "/_simulator"): show_world,
        ("GET", "/_simulator/faults"): list_faults,
        ("POST", "/_simulator/faults"): add_fault,
        ("DELETE", "/_simulator/faults"): clear_faults,
        ("GET", "/_simulator/clock"): show_clock,
        ("POST", "/_simulator/clock"): set_clock,
        ("GET", "/_simulator/requests"): list_requests,
        ("DELETE", "/_simulator/requests"): clear_requests,
        ("GET", "/_simulator/deliveries"): list_deliveries,
        ("POST", "/_simulator/deliveries/{id}/redeliver"): redeliver,
        ("POST", "/_simulator/reset"): begin_anew,
    }
    return tuple(
        Route(method=method, path=path, handler=handler, public=True) for (method, path), handler in table.items()
    )


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "fault"


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        raise invalid("freeze_at is not a valid ISO 8601 time") from error


def _step(seconds: object) -> timedelta:
    if not isinstance(seconds, int | float) or seconds < 0:
        raise invalid("advance_seconds must be a number that is not negative")
    return timedelta(seconds=seconds)


def _request(found: Recorded) -> Json:
    return {**asdict(found), "at": iso_millis(found.at)}


def _delivery(found: Delivery) -> Json:
    return {
        "id": found.id,
        "subscription_id": found.subscription_id,
        "state": found.state,
        "event": found.event,
        "attempts": [{**asdict(each), "at": iso_millis(each.at)} for each in found.attempts],
    }
