"""The table of PagerDuty's MCP server in docs/pagerduty.md: each of its tools, and the node that does the same."""

import re

import pytest

from resolute_pagerduty.nodes import FACTORIES
from tests.house.reading import ROOT

PAGE = ROOT / "docs" / "pagerduty.md"
NODES = {factory.__name__ for factory in FACTORIES}

# The tools of version 1.1.0, as its pagerduty_mcp/tools/__init__.py has them.
READS = """
list_alert_grouping_settings get_alert_grouping_setting
list_alerts_from_incident get_alert_from_incident
list_change_events get_change_event list_service_change_events list_incident_change_events
list_incidents get_incident get_outlier_incident get_past_incidents get_related_incidents list_incident_notes
list_incident_workflows get_incident_workflow
list_services get_service get_technical_service_dependencies
list_teams get_team list_team_members
get_user_data list_users
list_schedules get_schedule list_schedule_users
list_schedule_v3_rotations get_schedule_v3_rotation list_schedule_v3_rotation_events get_schedule_v3_rotation_event
list_schedule_v3_custom_shifts get_schedule_v3_custom_shift list_schedule_v3_overrides get_schedule_v3_override
list_oncalls
list_log_entries get_log_entry
list_escalation_policies get_escalation_policy
list_event_orchestrations get_event_orchestration get_event_orchestration_router get_event_orchestration_service
get_event_orchestration_global
list_status_pages list_status_page_severities list_status_page_impacts list_status_page_statuses
list_status_page_post_updates get_status_page_post
get_responder_metrics get_incident_metrics_by_service get_incident_metrics_by_team get_incident_metrics_all
get_responder_load_metrics
list_business_services get_business_service_dependencies
list_priorities
list_webhook_subscriptions get_webhook_subscription
list_extension_schemas get_extension_schema
"""
WRITES = """
create_alert_grouping_setting update_alert_grouping_setting delete_alert_grouping_setting
create_incident manage_incidents add_responders add_note_to_incident
start_incident_workflow
create_service update_service
create_team update_team delete_team add_team_member remove_team_member
create_schedule update_schedule create_schedule_override
delete_schedule_v3 create_schedule_v3_rotation delete_schedule_v3_rotation
create_schedule_v3_rotation_event update_schedule_v3_rotation_event delete_schedule_v3_rotation_event
create_schedule_v3_custom_shifts update_schedule_v3_custom_shift delete_schedule_v3_custom_shift
create_schedule_v3_overrides update_schedule_v3_override delete_schedule_v3_override
update_event_orchestration_router append_event_orchestration_router_rule
create_status_page_post create_status_page_post_update
create_user create_escalation_policy update_escalation_policy
create_webhook_subscription update_webhook_subscription delete_webhook_subscription
"""


def rows() -> list[tuple[list[str], str]]:
    """The table: the tools of each row, and what stands beside them."""
    part = PAGE.read_text().partition("## Beside PagerDuty's MCP server\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ", 1) for line in part.splitlines() if line.startswith("| `")]
    return [(re.findall(r"`(\w+)`", left), right) for left, right in cells]


def test_every_tool_is_in_the_table_once():
    """63 tools that read and 40 that write: none is left out, none is made up."""
    assert (63, 40) == (len(READS.split()), len(WRITES.split()))
    assert sorted((READS + WRITES).split()) == sorted(tool for tools, _ in rows() for tool in tools)


@pytest.mark.parametrize(("tools", "ours"), rows(), ids=[tools[0] for tools, _ in rows()])
def test_every_row_names_nodes_that_exist_or_says_why_there_is_none(tools: list[str], ours: str):
    """A node that is renamed or removed leaves no row behind, and a reason is more than a word."""
    named = re.findall(r"`(\w+)`", ours)

    assert set() == set(named) - NODES
    assert len(ours.split()) > 12 if ours.startswith("none") else len(named) >= len(tools)


@pytest.mark.parametrize("tool", sorted(set((READS + WRITES).split()) & NODES))
def test_a_tool_that_has_a_node_of_its_name_is_said_to_have_it(tool: str):
    """Where both are called the same, the row of the tool names the node."""
    (ours,) = [beside for tools, beside in rows() if tool in tools]

    assert f"`{tool}`" in ours
