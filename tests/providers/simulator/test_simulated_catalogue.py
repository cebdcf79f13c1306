"""Business services, event orchestrations, status pages and extensions."""

from resolute_pagerduty.simulator import Simulator
from tests.providers.simulator.harness import Api


async def test_business_services_and_what_they_need(api: Api, sim: Simulator):
    """A dependency is shown from both of its ends, and says which end is a business service."""
    world = sim.world
    (shop,) = (await api("GET", "/business_services"))["business_services"]
    alone = (await api("GET", f"/business_services/{world.business_service}"))["business_service"]
    above = (await api("GET", f"/service_dependencies/business_services/{world.business_service}"))["relationships"]
    around = (await api("GET", f"/service_dependencies/technical_services/{world.checkout_service}"))["relationships"]

    assert ("Shop", shop) == (shop["name"], alone)
    assert [(world.checkout_service, "business_service_reference")] == [
        (each["supporting_service"]["id"], each["dependent_service"]["type"]) for each in above
    ]
    assert {world.service, world.checkout_service} == {each["supporting_service"]["id"] for each in around}


async def test_an_orchestration_and_its_rules(api: Api, sim: Simulator):
    """A list counts the routes, the whole has the routing key, and each kind of rules can be read."""
    path = f"/event_orchestrations/{sim.world.orchestration}"
    (listed,) = (await api("GET", "/event_orchestrations"))["orchestrations"]
    whole = (await api("GET", path))["orchestration"]
    router = (await api("GET", f"{path}/router"))["orchestration_path"]
    everything = (await api("GET", f"{path}/global"))["orchestration_path"]
    service = (await api("GET", f"/event_orchestrations/services/{sim.world.service}"))["orchestration_path"]

    assert (1, False) == (listed["routes"], "integrations" in listed)
    assert 32 == len(whole["integrations"][0]["parameters"]["routing_key"])
    assert [sim.world.search_service] == [each["actions"]["route_to"] for each in router["sets"][0]["rules"]]
    assert ("router", "global", "service") == (router["type"], everything["type"], service["type"])


async def test_the_rules_of_a_router_are_replaced(api: Api, sim: Simulator):
    """What is sent is what there is; a rule that leads nowhere, and a router without its set, are refused."""
    path = f"/event_orchestrations/{sim.world.orchestration}/router"
    rule: dict[str, object] = {
        "label": "Money",
        "conditions": [{"expression": "event.source matches part 'pay'"}],
        "actions": {"route_to": sim.world.service},
    }
    catch_all = {"actions": {"route_to": "unrouted"}}

    def body(*rules: object, set_id: str = "start") -> dict[str, object]:
        return {"orchestration_path": {"sets": [{"id": set_id, "rules": list(rules)}], "catch_all": catch_all}}

    await api("PUT", path, body=body(rule))
    found = (await api("GET", path))["orchestration_path"]

    assert ["Money"] == [each["label"] for each in found["sets"][0]["rules"]]
    await api.refused("PUT", path, body=body({**rule, "actions": {"route_to": "PNOWHERE"}}))
    await api.refused("PUT", path, body=body({**rule, "conditions": ["x"]}))
    await api.refused("PUT", path, body=body(rule, set_id="other"))


async def test_a_status_page_tells_what_it_is_told(api: Api, sim: Simulator):
    """A post and its updates have choices of the page, of the kind of the post."""
    page = f"/status_pages/{sim.world.status_page}"
    chosen = {
        kind: (await api("GET", f"{page}/{kind}", [("post_type", "incident")]))[kind][0]["id"]
        for kind in ("statuses", "severities", "impacts")
    }
    (upgrade,) = (await api("GET", f"{page}/posts", [("post_type", "maintenance")]))["posts"]
    (first,) = (await api("GET", f"{page}/posts/{upgrade['id']}/post_updates"))["post_updates"]
    update = {
        "message": "Looking into it",
        "status": {"id": chosen["statuses"], "type": "status_page_status"},
        "severity": {"id": chosen["severities"], "type": "status_page_severity"},
        "impacted_services": [
            {
                "service": first["impacted_services"][0]["service"],
                "impact": {"id": chosen["impacts"], "type": "status_page_impact"},
            }
        ],
        "update_frequency_ms": None,
        "notify_subscribers": True,
        "type": "status_page_post_update",
    }
    post = {
        "type": "status_page_post",
        "title": "Slow",
        "post_type": "incident",
        "starts_at": None,
        "ends_at": None,
        "status_page": {"id": sim.world.status_page, "type": "status_page"},
        "updates": [update],
    }

    made = (await api("POST", f"{page}/posts", body={"post": post}, expect=201))["post"]
    await api("POST", f"{page}/posts/{made['id']}/post_updates", body={"post_update": update}, expect=201)
    whole = (await api("GET", f"{page}/posts/{made['id']}", [("include[]", "status_page_post_update")]))["post"]

    assert ["Looking into it"] * 2 == [each["message"] for each in whole["updates"]]
    await api.refused("POST", f"{page}/posts", body={"post": {**post, "post_type": "maintenance"}})
    await api.refused("POST", f"{page}/posts", body={"post": {**post, "updates": []}})
    assert 1 == len((await api("GET", "/status_pages"))["status_pages"])


async def test_extension_schemas(api: Api, sim: Simulator):
    """They are listed, and read by id."""
    (listed,) = (await api("GET", "/extension_schemas"))["extension_schemas"]

    assert listed == (await api("GET", f"/extension_schemas/{sim.world.extension_schema}"))["extension_schema"]
    await api.refused("GET", "/extension_schemas/PNOTHING", expect=404)
