"""Business services, and which services depend on which."""

from __future__ import annotations

from resolute_pagerduty.models.base import Model, Reference


class BusinessService(Reference):
    """Something that customers use and that technical services support.

    Source: https://developer.pagerduty.com/api-reference/a47605517c19a-api-concepts#business-services
    """

    name: str = ""
    description: str = ""
    point_of_contact: str = ""
    team: Reference | None = None


class ServiceDependency(Model):
    """One service needs another: the dependent one works only while the supporting one does."""

    id: str = ""
    type: str = ""
    supporting_service: Reference = Reference()
    dependent_service: Reference = Reference()
