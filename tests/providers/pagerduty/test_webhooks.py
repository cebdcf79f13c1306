"""Webhooks: what proves a delivery, what starts a run, and what a flow reads of it."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import resolute_pagerduty as pagerduty
from resolute import env, flow, secret
from resolute.execution.inputs import read_input
from resolute.plan.errors import FlowBuildError
from resolute.plan.provider import Verdict
from resolute.plan.triggers import Webhook
from resolute_pagerduty.models.webhooks import IncidentEvent, NoteEvent, PartEvent, ServiceEvent
from resolute_pagerduty.simulator.webhooks import EVENT_TYPES as SIMULATED
from resolute_pagerduty.webhooks import EVENT_TYPES, is_signed, sign, verify

OFFICIAL_SECRET = "HvPtlQNKMPpHSSqJpCdndXfo7HnGXa1pnH6w5axpxLFn9aRBNBGh4e8/HlonK5mz"
OFFICIAL_BODY = (
    b'{"event":{"id":"01FKZOXA868SHYEE4DVNWB5P9W","event_type":"pagey.ping","resource_type":"pagey",'
    b'"occurred_at":"2025-04-07T03:00:55.532Z","agent":{"id":"PVE0ZR9","type":"user_reference"},"client":null,'
    b'"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}'
)
OFFICIAL_SIGNATURE = "v1=0e83584cbab86f98c51517cf96a70c90e910532d3d2f067d58c753cc8980a05b"


def body_of(event_type: str, **data: Any) -> bytes:
    event = {"id": "01", "event_type": event_type, "resource_type": event_type.split(".")[0], "data": data}
    return json.dumps({"event": event}).encode()


def hook(**given: Any) -> Webhook:
    trigger = pagerduty.webhook("/hooks", **given).trigger
    assert isinstance(trigger, Webhook)
    return trigger


def judged(
    body: bytes, signature: str | None, *, events: tuple[str, ...] = (), secrets: tuple[str, ...] = ("s",)
) -> Verdict:
    headers = {} if signature is None else {"x-pagerduty-signature": signature}
    return verify({"scheme": "pagerduty", "events": list(events)}, headers, body, secrets)


def test_a_real_signature_is_right():
    """A delivery that PagerDuty really made has the signature that is computed here."""
    assert OFFICIAL_SIGNATURE == sign(OFFICIAL_BODY, OFFICIAL_SECRET)
    assert "ignored" == judged(OFFICIAL_BODY, OFFICIAL_SIGNATURE, secrets=(OFFICIAL_SECRET,)).outcome


@pytest.mark.parametrize(
    "header",
    ["{right}", "{wrong},{right}", "{right} , {wrong}", "v2=abc,{right}", "v1=,{right}", "nonsense, {right},"],
)
def test_any_of_several_signatures_will_do(header: str):
    """While a secret is replaced there are two; other versions and odd parts are passed over."""
    body = body_of("incident.triggered")

    assert is_signed(body, header.format(right=sign(body, "s"), wrong=sign(body, "other")), ["s"])


@pytest.mark.parametrize("header", ["", "v1=", "{hex}", "v2={hex}", "V1={hex}", "v1={HEX}", "v1 = {hex}", "v1={hex}0"])
def test_what_is_not_quite_a_signature_is_none(header: str):
    """The version, the digest and nothing else."""
    body = body_of("incident.triggered")
    digest = sign(body, "s").removeprefix("v1=")

    assert not is_signed(body, header.format(hex=digest, HEX=digest.upper()), ["s"])


@given(st.binary(), st.text(min_size=1), st.binary(), st.text(min_size=1))
def test_only_the_same_bytes_and_secret_are_signed(body: bytes, key: str, other_body: bytes, other_key: str):
    """A signature is of these bytes with this secret; it fits nothing else, whatever they are."""
    signature = sign(body, key)

    assert is_signed(body, signature, [key])
    assert ((body, key) == (other_body, other_key)) == is_signed(other_body, signature, [other_key])


@given(st.text())
def test_no_header_is_too_odd(header: str):
    """A header that is no signature is refused, and nothing else happens."""
    assert judged(body_of("incident.triggered"), header).outcome == "refused"


def test_two_secrets_are_both_tried():
    """A delivery signed with the old or the new secret is taken while both are configured."""
    body = body_of("incident.triggered")
    verdicts = [judged(body, sign(body, key), secrets=("old", "new")).outcome for key in ("old", "new", "older")]

    assert ["accepted", "accepted", "refused"] == verdicts


@pytest.mark.parametrize(
    ("kind", "events", "outcome", "status"),
    [
        ("incident.triggered", (), "accepted", 202),
        ("incident.triggered", ("incident.triggered", "incident.resolved"), "accepted", 202),
        ("incident.annotated", ("incident.triggered",), "ignored", 202),
        ("incident.teleported", (), "accepted", 202),
        ("pagey.ping", (), "ignored", 202),
        ("pagey.ping", ("incident.triggered",), "ignored", 202),
    ],
)
def test_only_what_was_asked_for_starts_a_run(kind: str, events: tuple[str, ...], outcome: str, status: int):
    """The rest is answered with 2xx: PagerDuty disables a subscription that is refused three times."""
    body = body_of(kind)
    verdict = judged(body, sign(body, "s"), events=events)

    assert (outcome, status) == (verdict.outcome, verdict.status)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"event": []}', b'{"event": {"event_type": 7}}', b'{"messages": []}']
)
def test_a_signed_body_that_is_no_event_is_refused(body: bytes):
    """It cannot be an event of Webhooks V3, whoever signed it."""
    verdict = judged(body, sign(body, "s"))

    assert ("refused", 400) == (verdict.outcome, verdict.status)


def test_a_forged_and_an_unsigned_delivery_are_refused():
    """403 for a wrong signature, 400 for none; the reasons hold no secret."""
    body = body_of("incident.triggered")
    forged, unsigned = judged(body, sign(body, "guess")), judged(body, None)

    assert (403, 400) == (forged.status, unsigned.status)
    assert "subscription" in forged.reason


def test_a_body_nested_deeper_than_anybody_reads_is_refused():
    """However well it is signed: the answer is 400, not a failure of the worker."""
    body = b'{"event":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

    assert ("refused", 400) == (judged(body, sign(body, "s")).outcome, judged(body, sign(body, "s")).status)


@pytest.mark.parametrize("event_type", ["incident.triggered", "incident.annotated", "service.updated", "incident.new"])
def test_nulls_are_taken_for_what_is_missing(event_type: str):
    """PagerDuty sends null for what there is not; a flow of these events, or of any, reads its default instead."""
    nulls = dict.fromkeys(("html_url", "service", "teams", "assignees", "priority", "title", "content", "incident"))
    body: dict[str, Any] = json.loads(body_of(event_type, id="PT4KHLK", alert_creation=None, **nulls))
    body["event"] |= {"agent": None, "client": None, "occurred_at": None}
    ack = pagerduty.get_incident(id=pagerduty.event(pagerduty.IncidentEvent).data.id)

    for events in ([event_type], []):
        trigger = pagerduty.webhook("/hooks", events=cast("Any", events))
        taker = flow("taker").triggered_by(trigger).then(ack).build()
        read: Any = read_input(taker, cast("Webhook", trigger.trigger), body)
        assert "PT4KHLK" == read["event"]["data"]["id"]
        assert None is read["event"]["agent"]


def test_the_scheme_is_found_by_its_name():
    """The worker asks the provider for the code behind the trigger's data."""
    trigger = hook()

    assert verify is pagerduty.PagerDuty.verifications()[str(trigger.verify["scheme"])]


def test_a_trigger_is_data_without_a_secret():
    """Secrets are there by name, several of them while one replaces another; the delivery is named by its event."""
    trigger = hook(secret=[secret("OLD"), secret("NEW")], events=["incident.triggered", "incident.annotated"])

    assert {
        "scheme": "pagerduty",
        "secrets": [{"$secret": "OLD"}, {"$secret": "NEW"}],
        "events": ["incident.triggered", "incident.annotated"],
    } == trigger.verify
    assert ("event", "id") == trigger.once
    assert [{"$secret": "PAGERDUTY_WEBHOOK_SECRET"}] == hook().verify["secrets"]
    with pytest.raises(TypeError, match="by name"):
        pagerduty.webhook("/hooks", secret="in the clear")


def test_a_flow_reads_typed_fields_of_the_event():
    """Fields of the event are checked when the flow is built: a wrong one is a mistake with a hint."""
    event = pagerduty.event(pagerduty.IncidentEvent)
    base = flow("triage").triggered_by(pagerduty.webhook("/hooks", events=["incident.triggered"]))
    base.then(pagerduty.add_note(incident_id=event.data.id, content=event.data.title)).build()

    with pytest.raises(FlowBuildError, match=r"IncidentData has no field 'titel' \(did you mean 'title'\?\)"):
        base.then(pagerduty.add_note(incident_id=event.data.id, content=event.data.titel)).build()  # pyright: ignore  # the mistake


@pytest.mark.parametrize(
    ("kind", "data", "cls", "read"),
    [
        ("incident.triggered", {"id": "P1", "number": 7, "assignees": [{"summary": "Ada"}]}, IncidentEvent, "P1"),
        ("incident.annotated", {"id": "N1", "content": "hi", "incident": {"id": "P1"}}, NoteEvent, "N1"),
        ("service.updated", {"id": "S1", "summary": "Checkout"}, ServiceEvent, "S1"),
        ("incident.responder.added", {"id": "R1", "user": {"id": "U1"}, "incident": {"id": "P1"}}, PartEvent, "R1"),
        ("incident.teleported", {"id": "X1", "to": "moon"}, PartEvent, "X1"),
    ],
)
def test_events_are_typed_with_room_for_new_ones(kind: str, data: dict[str, Any], cls: type[Any], read: str):
    """Each type has its class; one that is not known yet has one as well."""
    event = pagerduty.parse_event(json.loads(body_of(kind, **data)))

    assert (cls, kind, read) == (type(event), event.event_type, event.data.id)


def test_an_unknown_event_keeps_all_its_fields():
    """Nothing of what PagerDuty may add is lost."""
    event = pagerduty.parse_event(json.loads(body_of("incident.teleported", id="X1", to="moon")))

    assert "moon" == event.data.model_dump()["to"]


def test_the_event_types_are_the_official_ones():
    """The list is that of the documents, as the simulator has it too."""
    assert set(SIMULATED) - {"pagey.ping"} == set(EVENT_TYPES)


def test_several_kinds_of_events_can_start_one_flow():
    """Where the kinds differ, what they have in common can be read."""
    trigger = pagerduty.webhook("/hooks")
    event = pagerduty.event(pagerduty.PartEvent)
    built = (
        flow("all-events")
        .triggered_by(trigger)
        .when(event.event_type == "incident.triggered")
        .then(pagerduty.add_note(incident_id=event.data.id, content=env("GREETING")))
        .end_when()
        .build()
    )

    assert 1 == len(built.plan.triggers)
