"""PagerDuty's operations as data, which the client, the grants and the nodes' reference all use.

Source: the official OpenAPI document; a test compares every operation with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]

_REFERENCE: Final = "https://developer.pagerduty.com/api-reference/reference/REST/openapiv3.json/paths"
_EVENTS: Final = "https://developer.pagerduty.com/docs/events-api-v2-overview"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a PagerDuty API.

    Attributes:
        id: the operation's name in the OpenAPI document.
        method: the HTTP method.
        path: the path, with `{name}` for a part that the caller fills in.
        grant: what a provider must be granted to send it, such as `notes:write`.
        scope: the scope that a scoped OAuth token needs; None if the documentation names none.
        needs_from: whether the documentation requires the From header.
        limit: the rate limit it counts against: the credential's, also one of its own, or the routing key's.
        own_rate: how many its own limit allows; empty if that is not published.
        settles: whether a second one would add to the first. If an answer is lost, such a request is sent again only
            when the lost one can no longer be carried out, so that looking for its result finds it.
    """

    id: str
    method: Method
    path: str
    grant: str
    scope: str | None = None
    needs_from: bool = False
    limit: Literal["credential", "own", "routing_key"] = "credential"
    own_rate: str = ""
    settles: bool = False

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, whatever its method is: figures are asked for with POST."""
        return self.grant.endswith(":read")

    @property
    def page(self) -> str:
        """The official page."""
        if self.limit == "routing_key":
            return _EVENTS
        return f"{_REFERENCE}/{quote(self.path.replace('/', '~1'), safe='~')}/{self.method.lower()}"


def _rest(
    id: str,  # noqa: A002  # the documents' word
    method: Method,
    path: str,
    scope: str | None,
    *,
    grant: str = "",
    needs_from: bool = False,
    own_limit: bool = False,
    own_rate: str = "",
    settles: bool = False,
) -> Operation:
    return Operation(
        id=id,
        method=method,
        path=path,
        scope=scope,
        grant=grant or (scope or "").replace(".", ":"),
        needs_from=needs_from,
        limit="own" if own_limit else "credential",
        own_rate=own_rate,
        settles=settles,
    )


# Incidents
LIST_INCIDENTS = _rest("listIncidents", "GET", "/incidents", "incidents.read")
GET_INCIDENT = _rest("getIncident", "GET", "/incidents/{id}", "incidents.read")
CREATE_INCIDENT = _rest("createIncident", "POST", "/incidents", "incidents.write", needs_from=True, own_limit=True)
UPDATE_INCIDENT = _rest("updateIncident", "PUT", "/incidents/{id}", "incidents.write", needs_from=True)
UPDATE_INCIDENTS = _rest(
    "updateIncidents",
    "PUT",
    "/incidents",
    "incidents.write",
    needs_from=True,
    own_limit=True,
    own_rate="500 requests a minute",
)
LIST_NOTES = _rest("listIncidentNotes", "GET", "/incidents/{id}/notes", "incidents.read", grant="notes:read")
ADD_NOTE = _rest(
    "createIncidentNote",
    "POST",
    "/incidents/{id}/notes",
    "incidents.write",
    grant="notes:write",
    needs_from=True,
    settles=True,
)
UPDATE_NOTE = _rest(
    "updateIncidentNote",
    "PUT",
    "/incidents/{id}/notes/{note_id}",
    "incidents.write",
    grant="notes:write",
    needs_from=True,
)
DELETE_NOTE = _rest(
    "deleteIncidentNote", "DELETE", "/incidents/{id}/notes/{note_id}", "incidents.write", grant="notes:write"
)
LIST_ALERTS = _rest("listIncidentAlerts", "GET", "/incidents/{id}/alerts", "incidents.read")
GET_ALERT = _rest("getIncidentAlert", "GET", "/incidents/{id}/alerts/{alert_id}", "incidents.read")
UPDATE_ALERT = _rest(
    "updateIncidentAlert", "PUT", "/incidents/{id}/alerts/{alert_id}", "incidents.write", needs_from=True
)
UPDATE_ALERTS = _rest("updateIncidentAlerts", "PUT", "/incidents/{id}/alerts", "incidents.write", needs_from=True)
LIST_LOG_ENTRIES = _rest("listIncidentLogEntries", "GET", "/incidents/{id}/log_entries", "incidents.read")
LIST_ACCOUNT_LOG_ENTRIES = _rest("listLogEntries", "GET", "/log_entries", "incidents.read")
GET_LOG_ENTRY = _rest("getLogEntry", "GET", "/log_entries/{id}", "incidents.read")
MERGE_INCIDENTS = _rest("mergeIncidents", "PUT", "/incidents/{id}/merge", "incidents.write", needs_from=True)
SNOOZE_INCIDENT = _rest(
    "createIncidentSnooze", "POST", "/incidents/{id}/snooze", "incidents.write", needs_from=True, settles=True
)
SEND_STATUS_UPDATE = _rest(
    "createIncidentStatusUpdate",
    "POST",
    "/incidents/{id}/status_updates",
    "incidents.write",
    grant="status_updates:write",
    needs_from=True,
)

REQUEST_RESPONDERS = _rest(
    "createIncidentResponderRequest",
    "POST",
    "/incidents/{id}/responder_requests",
    "incidents.write",
    grant="responder_requests:write",
    settles=True,
)
GET_PAST_INCIDENTS = _rest("getPastIncidents", "GET", "/incidents/{id}/past_incidents", "incidents.read")
GET_RELATED_INCIDENTS = _rest("getRelatedIncidents", "GET", "/incidents/{id}/related_incidents", "incidents.read")
GET_OUTLIER_INCIDENT = _rest("getOutlierIncident", "GET", "/incidents/{id}/outlier_incident", "incidents.read")

# Services
LIST_SERVICES = _rest("listServices", "GET", "/services", "services.read")
GET_SERVICE = _rest("getService", "GET", "/services/{id}", "services.read")
CREATE_SERVICE = _rest("createService", "POST", "/services", "services.write", settles=True)
UPDATE_SERVICE = _rest("updateService", "PUT", "/services/{id}", "services.write")
CREATE_INTEGRATION = _rest(
    "createServiceIntegration", "POST", "/services/{id}/integrations", "services.write", settles=True
)
GET_INTEGRATION = _rest(
    "getServiceIntegration",
    "GET",
    "/services/{id}/integrations/{integration_id}",
    "services.read",
)
DELETE_SERVICE = _rest("deleteService", "DELETE", "/services/{id}", "services.write")
LIST_MAINTENANCE_WINDOWS = _rest(
    "listMaintenanceWindows",
    "GET",
    "/maintenance_windows",
    "services.read",
    grant="maintenance_windows:read",
)
CREATE_MAINTENANCE_WINDOW = _rest(
    "createMaintenanceWindow",
    "POST",
    "/maintenance_windows",
    "services.write",
    grant="maintenance_windows:write",
    needs_from=True,
    settles=True,
)
GET_MAINTENANCE_WINDOW = _rest(
    "getMaintenanceWindow",
    "GET",
    "/maintenance_windows/{id}",
    "services.read",
    grant="maintenance_windows:read",
)
UPDATE_MAINTENANCE_WINDOW = _rest(
    "updateMaintenanceWindow",
    "PUT",
    "/maintenance_windows/{id}",
    "services.write",
    grant="maintenance_windows:write",
)
DELETE_MAINTENANCE_WINDOW = _rest(
    "deleteMaintenanceWindow",
    "DELETE",
    "/maintenance_windows/{id}",
    "services.write",
    grant="maintenance_windows:write",
)

# Schedules, escalation policies, on-calls
LIST_SCHEDULES = _rest("listSchedules", "GET", "/schedules", "schedules.read")
GET_SCHEDULE = _rest("getSchedule", "GET", "/schedules/{id}", "schedules.read")
CREATE_SCHEDULE = _rest("createSchedule", "POST", "/schedules", "schedules.write", settles=True)
UPDATE_SCHEDULE = _rest("updateSchedule", "PUT", "/schedules/{id}", "schedules.write", settles=True)
DELETE_SCHEDULE = _rest("deleteSchedule", "DELETE", "/schedules/{id}", "schedules.write")
LIST_SCHEDULE_USERS = _rest("listScheduleUsers", "GET", "/schedules/{id}/users", "users.read", grant="schedules:read")
LIST_OVERRIDES = _rest("listScheduleOverrides", "GET", "/schedules/{id}/overrides", "schedules.read")
CREATE_OVERRIDES = _rest("createScheduleOverride", "POST", "/schedules/{id}/overrides", "schedules.write", settles=True)
DELETE_OVERRIDE = _rest(
    "deleteScheduleOverride", "DELETE", "/schedules/{id}/overrides/{override_id}", "schedules.write"
)
LIST_ESCALATION_POLICIES = _rest("listEscalationPolicies", "GET", "/escalation_policies", "escalation_policies.read")
GET_ESCALATION_POLICY = _rest("getEscalationPolicy", "GET", "/escalation_policies/{id}", "escalation_policies.read")
CREATE_ESCALATION_POLICY = _rest(
    "createEscalationPolicy", "POST", "/escalation_policies", "escalation_policies.write", settles=True
)
UPDATE_ESCALATION_POLICY = _rest(
    "updateEscalationPolicy", "PUT", "/escalation_policies/{id}", "escalation_policies.write"
)
DELETE_ESCALATION_POLICY = _rest(
    "deleteEscalationPolicy", "DELETE", "/escalation_policies/{id}", "escalation_policies.write"
)
LIST_ONCALLS = _rest("listOnCalls", "GET", "/oncalls", "oncalls.read", own_limit=True)

# People
LIST_USERS = _rest("listUsers", "GET", "/users", "users.read")
GET_USER = _rest("getUser", "GET", "/users/{id}", "users.read")
GET_ME = _rest("getCurrentUser", "GET", "/users/me", None, grant="users:read")
CREATE_USER = _rest("createUser", "POST", "/users", "users.write", needs_from=True, settles=True)
UPDATE_USER = _rest("updateUser", "PUT", "/users/{id}", "users.write")
LIST_TEAMS = _rest("listTeams", "GET", "/teams", "teams.read")
CREATE_TEAM = _rest("createTeam", "POST", "/teams", "teams.write", settles=True)
GET_TEAM = _rest("getTeam", "GET", "/teams/{id}", "teams.read")
UPDATE_TEAM = _rest("updateTeam", "PUT", "/teams/{id}", "teams.write")
DELETE_TEAM = _rest("deleteTeam", "DELETE", "/teams/{id}", "teams.write")
ADD_TEAM_MEMBER = _rest("updateTeamUser", "PUT", "/teams/{id}/users/{user_id}", "teams.write")
REMOVE_TEAM_MEMBER = _rest("deleteTeamUser", "DELETE", "/teams/{id}/users/{user_id}", "teams.write")
LIST_TEAM_MEMBERS = _rest("listTeamUsers", "GET", "/teams/{id}/members", "teams.read")

# The account
LIST_PRIORITIES = _rest("listPriorities", "GET", "/priorities", "priorities.read")
LIST_ABILITIES = _rest("listAbilities", "GET", "/abilities", "abilities.read")
TEST_ABILITY = _rest("getAbility", "GET", "/abilities/{id}", "abilities.read")

# Webhook subscriptions
_HOOKS = "/webhook_subscriptions"
LIST_SUBSCRIPTIONS = _rest("listWebhookSubscriptions", "GET", _HOOKS, "webhook_subscriptions.read")
CREATE_SUBSCRIPTION = _rest("createWebhookSubscription", "POST", _HOOKS, "webhook_subscriptions.write", settles=True)
GET_SUBSCRIPTION = _rest("getWebhookSubscription", "GET", f"{_HOOKS}/{{id}}", "webhook_subscriptions.read")
UPDATE_SUBSCRIPTION = _rest("updateWebhookSubscription", "PUT", f"{_HOOKS}/{{id}}", "webhook_subscriptions.write")
ENABLE_SUBSCRIPTION = _rest(
    "enableWebhookSubscription", "POST", f"{_HOOKS}/{{id}}/enable", "webhook_subscriptions.write"
)
PING_SUBSCRIPTION = _rest("testWebhookSubscription", "POST", f"{_HOOKS}/{{id}}/ping", "webhook_subscriptions.write")
DELETE_SUBSCRIPTION = _rest("deleteWebhookSubscription", "DELETE", f"{_HOOKS}/{{id}}", "webhook_subscriptions.write")

# Analytics: queries by POST, for which scoped OAuth requires the write scope. They change nothing.
_METRICS = "/analytics/metrics/incidents"
METRICS_OF_ALL = _rest(
    "getAnalyticsMetricsIncidentsAll", "POST", f"{_METRICS}/all", "analytics.write", grant="analytics:read"
)
METRICS_BY_SERVICE = _rest(
    "getAnalyticsMetricsIncidentsService", "POST", f"{_METRICS}/services", "analytics.write", grant="analytics:read"
)
METRICS_BY_TEAM = _rest(
    "getAnalyticsMetricsIncidentsTeam", "POST", f"{_METRICS}/teams", "analytics.write", grant="analytics:read"
)

# Change events. A service's or an incident's need its scope, but are granted as change events.
LIST_CHANGE_EVENTS = _rest("listChangeEvents", "GET", "/change_events", "change_events.read")
GET_CHANGE_EVENT = _rest("getChangeEvent", "GET", "/change_events/{id}", "change_events.read")
LIST_SERVICE_CHANGE_EVENTS = _rest(
    "listServiceChangeEvents", "GET", "/services/{id}/change_events", "services.read", grant="change_events:read"
)
LIST_RELATED_CHANGE_EVENTS = _rest(
    "listIncidentRelatedChangeEvents",
    "GET",
    "/incidents/{id}/related_change_events",
    "incidents.read",
    grant="change_events:read",
)

# Incident workflows
LIST_WORKFLOWS = _rest("listIncidentWorkflows", "GET", "/incident_workflows", "incident_workflows.read")
GET_WORKFLOW = _rest("getIncidentWorkflow", "GET", "/incident_workflows/{id}", "incident_workflows.read")
START_WORKFLOW = _rest(
    "createIncidentWorkflowInstance",
    "POST",
    "/incident_workflows/{id}/instances",
    "incident_workflows:instances.write",
    grant="incident_workflows:write",
)

# Business services, and which services depend on which
LIST_BUSINESS_SERVICES = _rest("listBusinessServices", "GET", "/business_services", "services.read")
GET_BUSINESS_SERVICE = _rest("getBusinessService", "GET", "/business_services/{id}", "services.read")
GET_BUSINESS_DEPENDENCIES = _rest(
    "getBusinessServiceServiceDependencies", "GET", "/service_dependencies/business_services/{id}", "services.read"
)
GET_TECHNICAL_DEPENDENCIES = _rest(
    "getTechnicalServiceServiceDependencies", "GET", "/service_dependencies/technical_services/{id}", "services.read"
)

# Event orchestrations: where events go
_ORCHESTRATIONS = "/event_orchestrations"
LIST_ORCHESTRATIONS = _rest("listEventOrchestrations", "GET", _ORCHESTRATIONS, "event_orchestrations.read")
GET_ORCHESTRATION = _rest("getOrchestration", "GET", f"{_ORCHESTRATIONS}/{{id}}", "event_orchestrations.read")
GET_ROUTER = _rest("getOrchPathRouter", "GET", f"{_ORCHESTRATIONS}/{{id}}/router", "event_orchestrations.read")
UPDATE_ROUTER = _rest("updateOrchPathRouter", "PUT", f"{_ORCHESTRATIONS}/{{id}}/router", "event_orchestrations.write")
GET_GLOBAL_RULES = _rest("getOrchPathGlobal", "GET", f"{_ORCHESTRATIONS}/{{id}}/global", "event_orchestrations.read")
GET_SERVICE_RULES = _rest(
    "getOrchPathService",
    "GET",
    f"{_ORCHESTRATIONS}/services/{{service_id}}",
    "services.read",
    grant="event_orchestrations:read",
)

# Status pages: what customers get to read
_PAGES = "/status_pages"
LIST_STATUS_PAGES = _rest("listStatusPages", "GET", _PAGES, "status_pages.read")
LIST_STATUS_PAGE_SEVERITIES = _rest(
    "listStatusPageSeverities", "GET", f"{_PAGES}/{{id}}/severities", "status_pages.read"
)
LIST_STATUS_PAGE_IMPACTS = _rest("listStatusPageImpacts", "GET", f"{_PAGES}/{{id}}/impacts", "status_pages.read")
LIST_STATUS_PAGE_STATUSES = _rest("listStatusPageStatuses", "GET", f"{_PAGES}/{{id}}/statuses", "status_pages.read")
LIST_STATUS_PAGE_POSTS = _rest("listStatusPagePosts", "GET", f"{_PAGES}/{{id}}/posts", "status_pages.read")
GET_STATUS_PAGE_POST = _rest("getStatusPagePost", "GET", f"{_PAGES}/{{id}}/posts/{{post_id}}", "status_pages.read")
CREATE_STATUS_PAGE_POST_UPDATE = _rest(
    "createStatusPagePostUpdate", "POST", f"{_PAGES}/{{id}}/posts/{{post_id}}/post_updates", "status_pages.write"
)
LIST_STATUS_PAGE_POST_UPDATES = _rest(
    "listStatusPagePostUpdates", "GET", f"{_PAGES}/{{id}}/posts/{{post_id}}/post_updates", "status_pages.read"
)

# Extensions: where else incidents are shown
LIST_EXTENSION_SCHEMAS = _rest("listExtensionSchemas", "GET", "/extension_schemas", "extension_schemas.read")
GET_EXTENSION_SCHEMA = _rest("getExtensionSchema", "GET", "/extension_schemas/{id}", "extension_schemas.read")

# Events API v2: the routing key in the body is the credential.
ENQUEUE_EVENT = Operation(id="sendEvent", method="POST", path="/v2/enqueue", grant="events:write", limit="routing_key")
ENQUEUE_CHANGE_EVENT = Operation(
    id="createChangeEvent",
    method="POST",
    path="/v2/change/enqueue",
    grant="change_events:write",
    limit="routing_key",
    settles=True,
)

OPERATIONS: Final = tuple(value for value in list(globals().values()) if isinstance(value, Operation))
"""Every operation that the provider can send."""

RESOURCES: Final = tuple(sorted({operation.grant.partition(":")[0] for operation in OPERATIONS}))
"""What can be granted, each with `:read` or `:write`."""
