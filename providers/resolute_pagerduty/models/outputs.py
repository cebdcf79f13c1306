"""What nodes return."""

from __future__ import annotations

from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.incidents import Incident
from resolute_pagerduty.models.oncall import OnCall
from resolute_pagerduty.models.services import Service


class Page(Model):
    """A part of a list. `more` says whether there is more; `total` is null unless it was asked for."""

    limit: int = 0
    offset: int = 0
    more: bool = False
    total: int | None = None


class GetIncidentOutput(Model):
    """An incident."""

    incident: Incident


class ListIncidentsOutput(Page):
    """A page of incidents."""

    incidents: tuple[Incident, ...] = ()


class CreateIncidentOutput(Model):
    """The incident. `created` is false where an open incident with the same key was there already."""

    incident: Incident
    created: bool = True


class UpdateIncidentOutput(Model):
    """The incident as it is now. `changed` is false where there was nothing to do."""

    incident: Incident
    changed: bool = True


class AddNoteOutput(Model):
    """The id of the note."""

    note_id: str


class GetOnCallsOutput(Model):
    """Everybody who is on call, by escalation level."""

    oncalls: tuple[OnCall, ...] = ()


class ListServicesOutput(Page):
    """A page of services."""

    services: tuple[Service, ...] = ()
