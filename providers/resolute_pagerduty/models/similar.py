"""What PagerDuty finds that is similar or related to an incident."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.incidents import Incident


class PastIncidentReference(Model):
    """A past incident, as short as PagerDuty shows it here; `get_incident` reads the rest."""

    id: str = ""
    title: str = ""
    created_at: datetime | None = None


class PastIncident(Model):
    """A similar past incident. A higher `score` means more similar.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#past_incidents
    """

    incident: PastIncidentReference = PastIncidentReference()
    score: float = 0.0


class Relationship(Model):
    """Why two incidents are related: machine_learning_inferred or service_dependency; `metadata` says more."""

    type: str = ""
    metadata: dict[str, Any] = Field(default_factory=dict[str, Any])


class RelatedIncident(Model):
    """An incident of another service or other responders that may be related to this one, and why.

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
    """The incident, and how often similar ones happen."""

    occurrence: Occurrence = Occurrence()


class IncidentTemplate(Model):
    """What incidents of one kind have in common: `mined_text` is their title with gaps."""

    id: str = ""
    cluster_id: str = ""
    mined_text: str = ""


class OutlierIncident(Model):
    """Whether an incident is unusual for its service.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#outlier-incident
    """

    incident: OutlierFacts = OutlierFacts()
    incident_template: IncidentTemplate | None = None


class GetPastIncidentsOutput(Model):
    """Similar incidents of the last six months, most similar first."""

    past_incidents: tuple[PastIncident, ...] = ()
    total: int | None = None


class GetRelatedIncidentsOutput(Model):
    """The 20 most recent incidents that may be related to it."""

    related_incidents: tuple[RelatedIncident, ...] = ()


class GetOutlierIncidentOutput(Model):
    """What PagerDuty found out; null if it found nothing."""

    outlier_incident: OutlierIncident | None = None
