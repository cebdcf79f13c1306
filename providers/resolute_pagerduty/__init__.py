"""PagerDuty for Resolute: alerts, incidents, on-calls and webhooks as nodes and triggers of flows."""

from resolute_pagerduty.account.config import PagerDutyConfig
from resolute_pagerduty.alarming import incident_for
from resolute_pagerduty.calls.rotations import (
    LayerRestriction,
    RotationLayer,
)
from resolute_pagerduty.calls.routers import (
    RouterRule,
)
from resolute_pagerduty.errors import PagerDutyAPIError
from resolute_pagerduty.inlet import events_api, sent_event
from resolute_pagerduty.models.account import (
    ExtensionSchema,
    IncidentWorkflow,
    Metrics,
    WebhookSubscription,
)
from resolute_pagerduty.models.base import Reference
from resolute_pagerduty.models.business import (
    BusinessService,
    ServiceDependency,
)
from resolute_pagerduty.models.changes import ChangeEvent
from resolute_pagerduty.models.events import EventImage, EventLink
from resolute_pagerduty.models.incidents import Alert, Incident, LogEntry, Note, Priority
from resolute_pagerduty.models.oncall import EscalationPolicy, OnCall, Schedule, Shift
from resolute_pagerduty.models.orchestrations import (
    Orchestration,
    OrchestrationRule,
)
from resolute_pagerduty.models.people import Team, TeamMember, User
from resolute_pagerduty.models.sent import SentEvent, SentPayload
from resolute_pagerduty.models.services import Integration, MaintenanceWindow, Service
from resolute_pagerduty.models.status_pages import (
    StatusPage,
    StatusPagePost,
    StatusPagePostUpdate,
)
from resolute_pagerduty.models.webhooks import IncidentEvent, NoteEvent, PartEvent, ServiceEvent, parse_event
from resolute_pagerduty.nodes.alerts import all_alerts, get_alert, list_alerts, update_alert, update_alerts
from resolute_pagerduty.nodes.business import (
    all_business_services,
    get_business_service,
    get_business_service_dependencies,
    get_technical_service_dependencies,
    list_business_services,
)
from resolute_pagerduty.nodes.change_lists import (
    all_change_events,
    all_service_change_events,
    get_change_event,
    list_change_events,
    list_service_change_events,
)
from resolute_pagerduty.nodes.changes import send_change_event
from resolute_pagerduty.nodes.events import (
    acknowledge_event,
    resolve_event,
    resolve_unless_touched,
    send_event,
    trigger_event,
    trigger_or_reopen,
)
from resolute_pagerduty.nodes.extensions import (
    get_extension_schema,
    list_extension_schemas,
)
from resolute_pagerduty.nodes.incident_changes import (
    create_incident,
    merge_incidents,
    send_status_update,
    snooze_incident,
    update_incident,
    update_incidents,
)
from resolute_pagerduty.nodes.incidents import all_incidents, get_incident, list_incidents
from resolute_pagerduty.nodes.insights import get_incident_metrics, get_service_metrics, get_team_metrics
from resolute_pagerduty.nodes.maintenance import (
    all_maintenance_windows,
    create_maintenance_window,
    delete_maintenance_window,
    get_maintenance_window,
    list_maintenance_windows,
    maintenance,
    update_maintenance_window,
)
from resolute_pagerduty.nodes.notes import add_note, delete_note, list_notes, update_note
from resolute_pagerduty.nodes.oncall import get_on_calls
from resolute_pagerduty.nodes.orchestrations import (
    all_event_orchestrations,
    append_event_orchestration_router_rule,
    get_event_orchestration,
    get_event_orchestration_global,
    get_event_orchestration_router,
    get_event_orchestration_service,
    list_event_orchestrations,
    update_event_orchestration_router,
)
from resolute_pagerduty.nodes.people import (
    add_team_member,
    all_team_members,
    all_teams,
    all_users,
    create_team,
    create_user,
    get_current_user,
    get_user,
    list_team_members,
    list_teams,
    list_users,
)
from resolute_pagerduty.nodes.people_changes import (
    delete_team,
    get_team,
    remove_team_member,
    update_team,
    update_user,
)
from resolute_pagerduty.nodes.plan import (
    get_incident_workflow,
    has_ability,
    list_abilities,
    list_incident_workflows,
    list_priorities,
    start_incident_workflow,
)
from resolute_pagerduty.nodes.policy_changes import (
    delete_escalation_policy,
    update_escalation_policy,
)
from resolute_pagerduty.nodes.responders import request_responders
from resolute_pagerduty.nodes.schedule_changes import (
    create_schedule,
    delete_override,
    delete_schedule,
    list_schedule_users,
    update_schedule,
)
from resolute_pagerduty.nodes.schedules import (
    EscalationLevel,
    all_escalation_policies,
    all_schedules,
    create_escalation_policy,
    create_override,
    get_escalation_policy,
    get_schedule,
    list_escalation_policies,
    list_overrides,
    list_schedules,
)
from resolute_pagerduty.nodes.services import (
    all_services,
    create_integration,
    create_service,
    delete_service,
    get_service,
    list_services,
    update_service,
)
from resolute_pagerduty.nodes.similar import (
    get_outlier_incident,
    get_past_incidents,
    get_related_change_events,
    get_related_incidents,
)
from resolute_pagerduty.nodes.status_pages import (
    StatusPageImpact,
    create_status_page_post_update,
    get_status_page_post,
    list_status_page_impacts,
    list_status_page_post_updates,
    list_status_page_posts,
    list_status_page_severities,
    list_status_page_statuses,
    list_status_pages,
)
from resolute_pagerduty.nodes.subscriptions import (
    all_webhook_subscriptions,
    create_webhook_subscription,
    delete_webhook_subscription,
    enable_webhook_subscription,
    get_webhook_subscription,
    list_webhook_subscriptions,
    ping_webhook_subscription,
    update_webhook_subscription,
)
from resolute_pagerduty.nodes.timeline import (
    all_account_log_entries,
    all_log_entries,
    get_log_entry,
    list_account_log_entries,
    list_log_entries,
)
from resolute_pagerduty.provider import PagerDuty
from resolute_pagerduty.webhooks import event, webhook

__all__ = [
    "Alert",
    "BusinessService",
    "ChangeEvent",
    "EscalationLevel",
    "EscalationPolicy",
    "EventImage",
    "EventLink",
    "ExtensionSchema",
    "Incident",
    "IncidentEvent",
    "IncidentWorkflow",
    "Integration",
    "LayerRestriction",
    "LogEntry",
    "MaintenanceWindow",
    "Metrics",
    "Note",
    "NoteEvent",
    "OnCall",
    "Orchestration",
    "OrchestrationRule",
    "PagerDuty",
    "PagerDutyAPIError",
    "PagerDutyConfig",
    "PartEvent",
    "Priority",
    "Reference",
    "RotationLayer",
    "RouterRule",
    "Schedule",
    "SentEvent",
    "SentPayload",
    "Service",
    "ServiceDependency",
    "ServiceEvent",
    "Shift",
    "StatusPage",
    "StatusPageImpact",
    "StatusPagePost",
    "StatusPagePostUpdate",
    "Team",
    "TeamMember",
    "User",
    "WebhookSubscription",
    "acknowledge_event",
    "add_note",
    "add_team_member",
    "all_account_log_entries",
    "all_alerts",
    "all_business_services",
    "all_change_events",
    "all_escalation_policies",
    "all_event_orchestrations",
    "all_incidents",
    "all_log_entries",
    "all_maintenance_windows",
    "all_schedules",
    "all_service_change_events",
    "all_services",
    "all_team_members",
    "all_teams",
    "all_users",
    "all_webhook_subscriptions",
    "append_event_orchestration_router_rule",
    "create_escalation_policy",
    "create_incident",
    "create_integration",
    "create_maintenance_window",
    "create_override",
    "create_schedule",
    "create_service",
    "create_status_page_post_update",
    "create_team",
    "create_user",
    "create_webhook_subscription",
    "delete_escalation_policy",
    "delete_maintenance_window",
    "delete_note",
    "delete_override",
    "delete_schedule",
    "delete_service",
    "delete_team",
    "delete_webhook_subscription",
    "enable_webhook_subscription",
    "event",
    "events_api",
    "get_alert",
    "get_business_service",
    "get_business_service_dependencies",
    "get_change_event",
    "get_current_user",
    "get_escalation_policy",
    "get_event_orchestration",
    "get_event_orchestration_global",
    "get_event_orchestration_router",
    "get_event_orchestration_service",
    "get_extension_schema",
    "get_incident",
    "get_incident_metrics",
    "get_incident_workflow",
    "get_log_entry",
    "get_maintenance_window",
    "get_on_calls",
    "get_outlier_incident",
    "get_past_incidents",
    "get_related_change_events",
    "get_related_incidents",
    "get_schedule",
    "get_service",
    "get_service_metrics",
    "get_status_page_post",
    "get_team",
    "get_team_metrics",
    "get_technical_service_dependencies",
    "get_user",
    "get_webhook_subscription",
    "has_ability",
    "incident_for",
    "list_abilities",
    "list_account_log_entries",
    "list_alerts",
    "list_business_services",
    "list_change_events",
    "list_escalation_policies",
    "list_event_orchestrations",
    "list_extension_schemas",
    "list_incident_workflows",
    "list_incidents",
    "list_log_entries",
    "list_maintenance_windows",
    "list_notes",
    "list_overrides",
    "list_priorities",
    "list_schedule_users",
    "list_schedules",
    "list_service_change_events",
    "list_services",
    "list_status_page_impacts",
    "list_status_page_post_updates",
    "list_status_page_posts",
    "list_status_page_severities",
    "list_status_page_statuses",
    "list_status_pages",
    "list_team_members",
    "list_teams",
    "list_users",
    "list_webhook_subscriptions",
    "maintenance",
    "merge_incidents",
    "parse_event",
    "ping_webhook_subscription",
    "remove_team_member",
    "request_responders",
    "resolve_event",
    "resolve_unless_touched",
    "send_change_event",
    "send_event",
    "send_status_update",
    "sent_event",
    "snooze_incident",
    "start_incident_workflow",
    "trigger_event",
    "trigger_or_reopen",
    "update_alert",
    "update_alerts",
    "update_escalation_policy",
    "update_event_orchestration_router",
    "update_incident",
    "update_incidents",
    "update_maintenance_window",
    "update_note",
    "update_schedule",
    "update_service",
    "update_team",
    "update_user",
    "update_webhook_subscription",
    "webhook",
]
