"""Incident workflows: listed, and started on an incident."""

from collections.abc import Collection

from . import refs, shapes, timeline
from .api_errors import ApiError, not_found
from .call import Call, Reply, get, matches, post, reference_id
from .incidents import find as find_incident
from .resources import Workflow, WorkflowInstance
from .state import Account
from .values import Json, as_text, iso_millis


def show(account: Account, found: Workflow, include: Collection[str] = ()) -> Json:
    """Return a workflow; its steps only come with `include[]=steps`."""
    shown: Json = {
        "id": found.id,
        "type": "incident_workflow",
        "summary": found.name,
        "self": refs.link(account, f"incident_workflows/{found.id}"),
        "html_url": refs.page(account, f"flex-workflows/workflows/{found.id}"),
        "name": found.name,
        "description": found.description,
        "created_at": iso_millis(found.created_at),
        "is_enabled": True,
    }
    if found.team_id:
        team = account.state.teams[found.team_id]
        shown["team"] = shapes.team(account, team) if "team" in include else refs.team(account, team.id)
    if "steps" in include:
        shown["steps"] = list(found.steps)
    return shown


def _plan(call: Call) -> None:
    if "incident_workflows" not in call.account.behaviour.abilities:
        raise ApiError(402, 2014)


def _find(call: Call) -> Workflow:
    _plan(call)
    found = call.state.workflows.get(call.params["id"])
    if found is None:
        raise not_found("Incident workflow")
    return found


def list_workflows(call: Call) -> Reply:
    """GET /incident_workflows."""
    _plan(call)
    found = [each for each in call.state.workflows.values() if matches(each.name, call.query.one("query"))]
    include = call.query.many("include[]")
    return call.page("incident_workflows", found, lambda each: show(call.account, each, include))


def get_workflow(call: Call) -> Reply:
    """GET /incident_workflows/{id}: the official document gives 201 as the status of this read."""
    return Reply(201, {"incident_workflow": show(call.account, _find(call), ("steps", "team"))})


def start_workflow(call: Call) -> Reply:
    """POST /incident_workflows/{id}/instances. Each call starts it once more."""
    workflow, wanted = _find(call), call.wrapped("incident_workflow_instance")
    incident = find_incident(call.account, reference_id(wanted.get("incident"), "Incident"))
    instance = WorkflowInstance(
        id=as_text(wanted.get("id")) or call.account.ids.next("workflow_instance"),
        workflow_id=workflow.id,
        incident_id=incident.id,
        started_at=call.account.now(),
    )
    call.state.workflow_instances.append(instance)
    reference = refs.incident(call.account, incident.id)
    data: Json = {
        "id": instance.id,
        "type": "incident_workflow_instance",
        "summary": workflow.name,
        "incident": reference,
        "incident_workflow": {"id": workflow.id, "type": "incident_workflow_reference", "summary": workflow.name},
        "workflow_trigger": None,
        "service": refs.service(call.account, incident.service_id),
    }
    agent = refs.user(call.account, call.actor.user_id) if call.actor.user_id else None
    timeline.tell(call.account, incident, "workflow.started", agent, data)
    timeline.tell(call.account, incident, "workflow.completed", agent, data)
    shown: Json = {"id": instance.id, "type": "incident_workflow_instance", "incident": reference}
    return Reply(201, {"incident_workflow_instance": shown})


ROUTES = (
    get("/incident_workflows", list_workflows, "incident_workflows.read"),
    get("/incident_workflows/{id}", get_workflow, "incident_workflows.read"),
    post("/incident_workflows/{id}/instances", start_workflow, "incident_workflows:instances.write"),
)
