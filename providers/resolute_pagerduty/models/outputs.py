"""What nodes return."""

from __future__ import annotations

from resolute_pagerduty.models.account import ExtensionSchema, IncidentWorkflow, Metrics, WebhookSubscription
from resolute_pagerduty.models.base import Model
from resolute_pagerduty.models.business import BusinessService, ServiceDependency
from resolute_pagerduty.models.incidents import Alert, Incident, LogEntry, Note, Priority, StatusUpdate
from resolute_pagerduty.models.oncall import EscalationPolicy, OnCall, Schedule, Shift
from resolute_pagerduty.models.orchestrations import Orchestration, OrchestrationPath
from resolute_pagerduty.models.people import Team, TeamMember, User
from resolute_pagerduty.models.services import Integration, MaintenanceWindow, Service
from resolute_pagerduty.models.status_pages import StatusPage, StatusPageOption, StatusPagePost, StatusPagePostUpdate


class Page(Model):
    """A part of a list. `more` says whether there is more; `total` is null unless it was asked for."""

    limit: int = 0
    offset: int = 0
    more: bool = False
    total: int | None = None


class Whole(Model):
    """A list read from its first page to its last. `more` is true only if the author's `limit` cut it short."""

    more: bool = False


class GetIncidentOutput(Model):
    """An incident."""

    incident: Incident


class ListIncidentsOutput(Page):
    """A page of incidents."""

    incidents: tuple[Incident, ...] = ()


class AllIncidentsOutput(Whole):
    """Incidents, oldest first."""

    incidents: tuple[Incident, ...] = ()


class CreateIncidentOutput(Model):
    """The incident. `created` is false if an open incident with the same key already existed."""

    incident: Incident
    created: bool = True


class UpdateIncidentOutput(Model):
    """The incident as it is now. `changed` is false if there was nothing to do."""

    incident: Incident
    changed: bool = True


class UpdateIncidentsOutput(Model):
    """The ids of the incidents that were changed, and of those that were left as they are."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class MergeIncidentsOutput(Model):
    """The incident that now holds all the alerts."""

    incident: Incident


class SnoozeIncidentOutput(Model):
    """The incident; its `pending_actions` say when it becomes unacknowledged again."""

    incident: Incident


class SendStatusUpdateOutput(Model):
    """What was sent to the subscribers."""

    status_update: StatusUpdate


class AddNoteOutput(Model):
    """The id of the note."""

    note_id: str


class UpdateNoteOutput(Model):
    """The note as it is now. `changed` is false if it already had that text."""

    note: Note
    changed: bool = True


class ListNotesOutput(Model):
    """All notes of an incident."""

    notes: tuple[Note, ...] = ()


class ListAlertsOutput(Page):
    """A page of alerts."""

    alerts: tuple[Alert, ...] = ()


class AllAlertsOutput(Whole):
    """Alerts of an incident."""

    alerts: tuple[Alert, ...] = ()


class GetAlertOutput(Model):
    """An alert."""

    alert: Alert


class UpdateAlertOutput(Model):
    """The alert as it is now. `changed` is false if there was nothing to do."""

    alert: Alert
    changed: bool = True


class UpdateAlertsOutput(Model):
    """The ids of the alerts that were changed, and of those that were left as they are."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class ListLogEntriesOutput(Page):
    """A page of an incident's timeline, newest entry first."""

    log_entries: tuple[LogEntry, ...] = ()


class AllLogEntriesOutput(Whole):
    """An incident's timeline, newest entry first."""

    log_entries: tuple[LogEntry, ...] = ()


class GetLogEntryOutput(Model):
    """An entry of a timeline."""

    log_entry: LogEntry


class ListAccountLogEntriesOutput(Page):
    """A page of what happened to the account's incidents, newest entry first."""

    log_entries: tuple[LogEntry, ...] = ()


class AllAccountLogEntriesOutput(Whole):
    """What happened to the account's incidents, newest entry first."""

    log_entries: tuple[LogEntry, ...] = ()


class GetOnCallsOutput(Model):
    """Everybody who is on call, by escalation level."""

    oncalls: tuple[OnCall, ...] = ()


class ListServicesOutput(Page):
    """A page of services."""

    services: tuple[Service, ...] = ()


class AllServicesOutput(Whole):
    """Services."""

    services: tuple[Service, ...] = ()


class GetServiceOutput(Model):
    """A service."""

    service: Service


class CreateServiceOutput(Model):
    """The service. `created` is false if one with that name already existed."""

    service: Service
    created: bool = True


class CreateIntegrationOutput(Model):
    """The integration. `created` is false if the service already had one with that name."""

    integration: Integration
    created: bool = True


class ListMaintenanceWindowsOutput(Page):
    """A page of maintenance windows."""

    maintenance_windows: tuple[MaintenanceWindow, ...] = ()


class AllMaintenanceWindowsOutput(Whole):
    """Maintenance windows."""

    maintenance_windows: tuple[MaintenanceWindow, ...] = ()


class GetMaintenanceWindowOutput(Model):
    """A maintenance window."""

    maintenance_window: MaintenanceWindow


class CreateMaintenanceWindowOutput(Model):
    """The window. `created` is false if the same one already existed."""

    maintenance_window: MaintenanceWindow
    created: bool = True


class ListSchedulesOutput(Page):
    """A page of schedules."""

    schedules: tuple[Schedule, ...] = ()


class AllSchedulesOutput(Whole):
    """Schedules."""

    schedules: tuple[Schedule, ...] = ()


class GetScheduleOutput(Model):
    """A schedule with its shifts."""

    schedule: Schedule


class CreateScheduleOutput(Model):
    """The schedule. `created` is false if one with that name already existed."""

    schedule: Schedule
    created: bool = True


class ListScheduleUsersOutput(Model):
    """The users who are on call on a schedule in a period."""

    users: tuple[User, ...] = ()


class ListOverridesOutput(Model):
    """The overrides of a schedule in a period."""

    overrides: tuple[Shift, ...] = ()


class CreateOverrideOutput(Model):
    """The override. `created` is false if the same one already existed."""

    override: Shift
    created: bool = True


class ListEscalationPoliciesOutput(Page):
    """A page of escalation policies."""

    escalation_policies: tuple[EscalationPolicy, ...] = ()


class AllEscalationPoliciesOutput(Whole):
    """Escalation policies."""

    escalation_policies: tuple[EscalationPolicy, ...] = ()


class GetEscalationPolicyOutput(Model):
    """An escalation policy."""

    escalation_policy: EscalationPolicy


class CreateEscalationPolicyOutput(Model):
    """The escalation policy. `created` is false if one with that name already existed."""

    escalation_policy: EscalationPolicy
    created: bool = True


class ListUsersOutput(Page):
    """A page of users."""

    users: tuple[User, ...] = ()


class AllUsersOutput(Whole):
    """Users."""

    users: tuple[User, ...] = ()


class GetUserOutput(Model):
    """A user."""

    user: User


class CreateUserOutput(Model):
    """The user. `created` is false if one with that address already existed."""

    user: User
    created: bool = True


class ListTeamsOutput(Page):
    """A page of teams."""

    teams: tuple[Team, ...] = ()


class AllTeamsOutput(Whole):
    """Teams."""

    teams: tuple[Team, ...] = ()


class GetTeamOutput(Model):
    """A team."""

    team: Team


class CreateTeamOutput(Model):
    """The team. `created` is false if one with that name already existed."""

    team: Team
    created: bool = True


class ListTeamMembersOutput(Page):
    """A page of a team's members."""

    members: tuple[TeamMember, ...] = ()


class AllTeamMembersOutput(Whole):
    """A team's members."""

    members: tuple[TeamMember, ...] = ()


class ListPrioritiesOutput(Page):
    """The priorities of the account, most severe first."""

    priorities: tuple[Priority, ...] = ()


class ListAbilitiesOutput(Model):
    """The features of the account's plan, by PagerDuty's names."""

    abilities: tuple[str, ...] = ()


class HasAbilityOutput(Model):
    """Whether the account's plan has the feature."""

    has_ability: bool


class ListWebhookSubscriptionsOutput(Page):
    """A page of webhook subscriptions."""

    webhook_subscriptions: tuple[WebhookSubscription, ...] = ()


class AllWebhookSubscriptionsOutput(Whole):
    """Webhook subscriptions."""

    webhook_subscriptions: tuple[WebhookSubscription, ...] = ()


class GetWebhookSubscriptionOutput(Model):
    """A webhook subscription, without its secret."""

    webhook_subscription: WebhookSubscription


class CreateWebhookSubscriptionOutput(Model):
    """The subscription, without its secret. `created` is false if it already existed."""

    webhook_subscription: WebhookSubscription
    created: bool = True


class EnableWebhookSubscriptionOutput(Model):
    """The subscription, delivering again."""

    webhook_subscription: WebhookSubscription


class GetMetricsOutput(Model):
    """Metrics, one entry for each service or team and, with `aggregate_unit`, for each interval."""

    data: tuple[Metrics, ...] = ()
    time_zone: str = ""
    aggregate_unit: str | None = None


class ListIncidentWorkflowsOutput(Page):
    """A page of incident workflows."""

    incident_workflows: tuple[IncidentWorkflow, ...] = ()


class GetIncidentWorkflowOutput(Model):
    """An incident workflow with its steps."""

    incident_workflow: IncidentWorkflow


class StartIncidentWorkflowOutput(Model):
    """The id of what was started."""

    instance_id: str = ""


class SendChangeEventOutput(Model):
    """What the Events API says: the event was accepted. Change events notify nobody."""

    status: str = ""
    message: str = ""


class ListBusinessServicesOutput(Page):
    """A page of business services."""

    business_services: tuple[BusinessService, ...] = ()


class AllBusinessServicesOutput(Whole):
    """Business services."""

    business_services: tuple[BusinessService, ...] = ()


class GetBusinessServiceOutput(Model):
    """A business service."""

    business_service: BusinessService


class GetServiceDependenciesOutput(Model):
    """Which services depend on which, one step around the service."""

    relationships: tuple[ServiceDependency, ...] = ()


class ListEventOrchestrationsOutput(Page):
    """A page of event orchestrations."""

    orchestrations: tuple[Orchestration, ...] = ()


class AllEventOrchestrationsOutput(Whole):
    """Event orchestrations."""

    orchestrations: tuple[Orchestration, ...] = ()


class GetEventOrchestrationOutput(Model):
    """An event orchestration."""

    orchestration: Orchestration


class GetOrchestrationRulesOutput(Model):
    """Rules of an event orchestration."""

    orchestration_path: OrchestrationPath


class AppendRouterRuleOutput(Model):
    """The rules as they are now. `added` is false if an identical rule already existed."""

    orchestration_path: OrchestrationPath
    added: bool = True


class ListStatusPagesOutput(Model):
    """The status pages. `more` says whether there are more than PagerDuty returns."""

    status_pages: tuple[StatusPage, ...] = ()
    more: bool = False


class ListStatusPageSeveritiesOutput(Model):
    """The severities that posts of a status page can have."""

    severities: tuple[StatusPageOption, ...] = ()
    more: bool = False


class ListStatusPageImpactsOutput(Model):
    """The impacts that posts of a status page can have."""

    impacts: tuple[StatusPageOption, ...] = ()
    more: bool = False


class ListStatusPageStatusesOutput(Model):
    """The statuses that posts of a status page can have."""

    statuses: tuple[StatusPageOption, ...] = ()
    more: bool = False


class ListStatusPagePostsOutput(Model):
    """Posts of a status page. `more` says whether there are more than PagerDuty returns."""

    posts: tuple[StatusPagePost, ...] = ()
    more: bool = False


class GetStatusPagePostOutput(Model):
    """A post of a status page."""

    post: StatusPagePost


class ListStatusPagePostUpdatesOutput(Model):
    """Updates of a post. `more` says whether there are more than PagerDuty returns."""

    post_updates: tuple[StatusPagePostUpdate, ...] = ()
    more: bool = False


class CreateStatusPagePostUpdateOutput(Model):
    """What customers now get to read."""

    post_update: StatusPagePostUpdate


class ListExtensionSchemasOutput(Page):
    """A page of extension schemas."""

    extension_schemas: tuple[ExtensionSchema, ...] = ()


class GetExtensionSchemaOutput(Model):
    """An extension schema."""

    extension_schema: ExtensionSchema
