"""What PagerDuty finds that looks like an incident, or has to do with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.incidents import Incident


class PastIncidentReference(Model):
    """An incident of the past, as short as PagerDuty tells it here; `get_incident` reads the rest."""

    id: str = ""
    title: str = ""
    created_at: datetime | None = None


class PastIncident(Model):
    """An incident of the past that looked alike. A higher `score` is a closer likeness.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#past_incidents
    """

    incident: PastIncidentReference = PastIncidentReference()
    score: float = 0.0


class Relationship(Model):
    """Why two incidents are related: machine_learning_inferred or service_dependency; `metadata` says more."""

    type: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])


class RelatedIncident(Model):
    """An incident of another service or other responders that may have to do with this one, and why.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#related_incidents
    """

    incident: Incident = Incident()
    relationships: tuple[Relationship, ...] = ()


class Occurrence(Model):
    """How often incidents like this one happen on their service. `category` is PagerDuty's word, such as rare."""

    count: int = 0
    frequency: float = 0.0
    category: str = ""
    since: datetime | None = None
    until: datetime | None = None


class OutlierFacts(Incident):
    """The incident, with how often its like happens."""

    occurrence: Occurrence = Occurrence()


class IncidentTemplate(Model):
    """What incidents of one kind have in common: `mined_text` is their title with gaps."""

    id: str = ""
    cluster_id: str = ""
    mined_text: str = ""


class OutlierIncident(Model):
    """Whether an incident is an unusual one for its service.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#outlier-incident
    """

    incident: OutlierFacts = OutlierFacts()
    incident_template: IncidentTemplate | None = None


class GetPastIncidentsOutput(Model):
    """Incidents of the last six months that looked alike, the closest first."""

    past_incidents: tuple[PastIncident, ...] = ()
    total: int | None = None


class GetRelatedIncidentsOutput(Model):
    """The 20 most recent incidents that may have to do with it."""

    related_incidents: tuple[RelatedIncident, ...] = ()


class GetOutlierIncidentOutput(Model):
    """What PagerDuty worked out; null where it has worked out nothing."""

    outlier_incident: OutlierIncident | None = None
